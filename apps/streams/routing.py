"""The addresses of all sockets."""

from typing import Any

from django.urls import path, re_path

from apps.streams.live import ConsoleLiveSocket, LiveSocket
from apps.streams.logs import LogsSocket
from apps.streams.stats import StatsSocket


async def nothing_there(scope: dict[str, Any], receive: Any, send: Any) -> Any:  # noqa: ARG001
    """Refuse a socket at an address that there is not (Channels' router would raise)."""
    await send({"type": "websocket.close"})


# Channels routes ASGI applications with Django's patterns, which are typed for views.
APPLICATIONS: dict[str, Any] = {
    "ws/console/live/": ConsoleLiveSocket.application,
    "ws/t/<slug:tenant>/live/": LiveSocket.application,
    "ws/t/<slug:tenant>/applications/<slug:application>/logs/": LogsSocket.application,
    "ws/t/<slug:tenant>/applications/<slug:application>/stats/": StatsSocket.application,
}
websocket_urlpatterns = [
    *(path(route, application) for route, application in APPLICATIONS.items()),
    re_path("", nothing_there),
]
