from django.urls import path

from apps.console import views

urlpatterns = [
    path("set-up/<str:token>/", views.set_up, name="setup"),
    path("console/set-up/engine/", views.set_up_engine, name="setup-engine"),
    path("console/set-up/tenant/", views.set_up_tenant, name="setup-tenant"),
    path("console/", views.dashboard, name="console-dashboard"),
    path("console/tenants/", views.tenants, name="console-tenants"),
    path("console/tenants/new/", views.new_tenant, name="console-tenant-new"),
    path("console/operations/", views.operations, name="console-operations"),
    path("console/operations/<int:pk>/", views.operation, name="console-operation"),
    path("console/operations/<int:pk>/cancel/", views.cancel_operation, name="console-operation-cancel"),
    path("console/engine/", views.engine, name="console-engine"),
    path("console/engine/check/", views.check_engine, name="node-check"),
    path("console/audit/", views.audit, name="console-audit"),
]
