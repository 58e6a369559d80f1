"""Pages and sockets in one ASGI application."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
pages = get_asgi_application()  # before anything that imports models

from django.conf import settings  # noqa: E402

from apps.streams.routing import websocket_urlpatterns  # noqa: E402
from panel.body_limit import limit_body  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": limit_body(pages),
        "websocket": OriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), [settings.ENVIRONMENT.base_url]
        ),
    }
)
