from django.urls import path

from apps.tenants import views

urlpatterns = [
    path("", views.home, name="home"),
    path("t/<slug:tenant>/activity/", views.activity, name="tenant-activity"),
]
