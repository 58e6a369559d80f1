from django.urls import path

from apps.containers import views

_application = "t/<slug:tenant>/applications/<slug:slug>/"

urlpatterns = [
    path("t/<slug:tenant>/", views.overview, name="tenant-overview"),
    path("t/<slug:tenant>/close/", views.close_tenant, name="tenant-close"),
    path("t/<slug:tenant>/reopen/", views.reopen_tenant, name="tenant-reopen"),
    path("t/<slug:tenant>/applications/", views.application_list, name="application-list"),
    path("t/<slug:tenant>/new/", views.new, name="application-new"),
    path("t/<slug:tenant>/new/image/", views.new_image, name="application-create"),
    path("t/<slug:tenant>/new/quota/", views.new_quota, name="application-new-quota"),
    path("t/<slug:tenant>/new/sample/", views.new_sample, name="application-create-sample"),
    path(_application, views.application_detail, name="application-detail"),
    path(_application + "header/", views.application_header, name="application-header"),
    path(_application + "overview/", views.application_overview, name="application-overview"),
    path(_application + "logs/", views.application_logs, name="application-logs"),
    path(_application + "releases/", views.application_releases, name="application-releases"),
    path(_application + "variables/", views.application_variables, name="application-show-variables"),
    path(_application + "variables/reveal/", views.reveal_variables, name="application-reveal-variables"),
    path(_application + "variables/change/", views.change_variables, name="application-variables"),
    path(_application + "settings/", views.application_settings, name="application-settings"),
    path(_application + "quota/", views.application_quota, name="application-quota"),
    path(_application + "configure/", views.configure, name="application-configure"),
    path(_application + "activity/", views.application_activity, name="application-activity"),
    path(_application + "deploy/", views.deploy, name="application-deploy"),
    path(_application + "stop/", views.stop, name="application-stop"),
    path(_application + "start/", views.start, name="application-start"),
    path(_application + "restart/", views.restart, name="application-restart"),
    path(_application + "kill/", views.kill, name="application-kill"),
    path(_application + "delete/", views.delete, name="application-delete"),
]
