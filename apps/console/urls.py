from django.urls import path

from apps.console import plan_views, views

urlpatterns = [
    path("set-up/<str:token>/", views.set_up, name="setup"),
    path("console/set-up/engine/", views.set_up_engine, name="setup-engine"),
    path("console/set-up/tenant/", views.set_up_tenant, name="setup-tenant"),
    path("console/", views.dashboard, name="console-dashboard"),
    path("console/tenants/", views.tenants, name="console-tenants"),
    path("console/tenants/new/", views.new_tenant, name="console-tenant-new"),
    path("console/tenants/<int:pk>/", views.tenant, name="console-tenant"),
    path("console/tenants/<int:pk>/suspend/", views.suspend, name="console-tenant-suspend"),
    path("console/tenants/<int:pk>/resume/", views.resume, name="console-tenant-resume"),
    path("console/tenants/<int:pk>/close/", views.close, name="console-tenant-close"),
    path("console/tenants/<int:pk>/reopen/", views.reopen, name="console-tenant-reopen"),
    path("console/tenants/<int:pk>/impersonate/", views.impersonate, name="console-tenant-impersonate"),
    path("console/impersonation/end/", views.end_impersonation, name="console-impersonation-end"),
    path("console/tenants/<int:pk>/quota/", plan_views.tenant_quota, name="console-tenant-quota"),
    path("console/tenants/<int:pk>/quota/override/", plan_views.override_limit, name="tenant-override"),
    path(
        "console/tenants/<int:pk>/quota/override/<int:override>/end/",
        plan_views.end_override,
        name="tenant-override-end",
    ),
    path("console/plans/", plan_views.plan_list, name="console-plans"),
    path("console/plans/new/", plan_views.new_plan, name="plan-create"),
    path("console/plans/<int:pk>/", plan_views.change_plan, name="plan-change"),
    path("console/plans/<int:pk>/delete/", plan_views.delete_plan, name="plan-delete"),
    path("console/operations/", views.operations, name="console-operations"),
    path("console/operations/<int:pk>/", views.operation, name="console-operation"),
    path("console/operations/<int:pk>/cancel/", views.cancel_operation, name="console-operation-cancel"),
    path("console/engine/", views.engine, name="console-engine"),
    path("console/engine/capacity/", plan_views.change_capacity, name="node-capacity"),
    path("console/engine/check/", views.check_engine, name="node-check"),
    path("console/usage/", views.usage, name="console-usage"),
    path("console/usage/days.csv", views.export_usage, name="console-usage-csv"),
    path("console/audit/", views.audit, name="console-audit"),
]
