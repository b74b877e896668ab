"""WSGI entry, for operators who serve the API apart from the live view."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paygate_site.settings")
os.environ.setdefault("PAYGATE_DB_POOL", "8")

application = get_wsgi_application()
