from django.urls import include, path

urlpatterns = [
    path("", include("apps.accounts.urls")),
    path("", include("apps.tenants.urls")),
    path("", include("apps.operations.urls")),
    path("", include("apps.containers.urls")),
    path("", include("apps.console.urls")),
]
