"""The records API, below /api/v1/."""

from django.urls import path
from rest_framework.routers import DefaultRouter

from billing.api import credential_views, key_actions, key_views, registry_views, schema, viewsets
from billing.api.events_view import EventViewSet

__all__ = ["schema", "urlpatterns"]  # importing `schema` registers its extensions

router = DefaultRouter()
router.include_format_suffixes = False
router.register("payments", viewsets.PaymentViewSet, "payment")
router.register("batches", viewsets.BatchViewSet, "batch")
router.register("revenue-records", viewsets.RevenueRecordViewSet, "revenue-record")
router.register("events", EventViewSet, "event")
router.register("rejected-events", viewsets.RejectedEventViewSet, "rejected-event")
router.register("conflicts", viewsets.ConflictViewSet, "conflict")
router.register("keys", key_actions.ActingKeyViewSet, "key")
router.register("key-actions", key_actions.KeyActionViewSet, "key-action")
router.register("key-groups", key_views.KeyGroupViewSet, "key-group")
router.register("key-notes", key_views.KeyNoteViewSet, "key-note")
router.register("credit-entries", key_views.CreditEntryViewSet, "credit-entry")
router.register("usage-events", key_views.UsageEventViewSet, "usage-event")
router.register("sources", credential_views.SourceViewSet, "source")
router.register("tokens", credential_views.TokenViewSet, "token")
router.register("networks", registry_views.NetworkViewSet, "network")
router.register("assets", registry_views.AssetViewSet, "asset")
router.register("native-prices", registry_views.NativePriceViewSet, "native-price")

urlpatterns = [
    # Producers forget the slash, and a redirect would lose what they post.
    path("events", EventViewSet.as_view({"get": "list", "post": "create"}, schema=None)),
    *router.urls,
]
