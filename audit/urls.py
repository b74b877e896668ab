"""The trail's address, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from audit.api import AuditEntryViewSet

router = SimpleRouter()
router.register("audit", AuditEntryViewSet, "audit")
urlpatterns = router.urls
