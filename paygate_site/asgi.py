"""ASGI entry: HTTP and, for the live view, WebSocket."""

import os

from channels.auth import (  # type: ignore[import-untyped]  # channels ships no types
    AuthMiddlewareStack,
)
from channels.routing import (  # type: ignore[import-untyped]  # as above
    ProtocolTypeRouter,
    URLRouter,
)
from channels.security.websocket import (  # type: ignore[import-untyped]  # as above
    AllowedHostsOriginValidator,
)
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paygate_site.settings")
os.environ.setdefault("PAYGATE_DB_POOL", "8")

django = get_asgi_application()  # loads the applications, which the imports below need

from analytics.live import LiveConsumer, NoSuchPath  # noqa: E402
from paygate_site.middleware import BodyLimit  # noqa: E402

websocket = URLRouter(
    [path("ws/live/", LiveConsumer.as_asgi()), re_path(r"", NoSuchPath.as_asgi())]
)
application = ProtocolTypeRouter(
    {
        "http": BodyLimit(django),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(websocket)),
    }
)
