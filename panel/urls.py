from django.urls import include, path

from panel import api

urlpatterns = [
    path("api/v1/", (api.urls, api.app_name, api.namespace)),
    path("api/<path:rest>", api.nothing, name="api-nothing"),
    path("", include("apps.accounts.urls")),
    path("", include("apps.tenants.urls")),
    path("", include("apps.operations.urls")),
    path("", include("apps.containers.urls")),
    path("", include("apps.metrics.urls")),
    path("", include("apps.console.urls")),
]
