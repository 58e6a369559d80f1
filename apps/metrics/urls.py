from django.urls import path

from apps.metrics import views

urlpatterns = [
    path("t/<slug:tenant>/usage/", views.usage, name="tenant-usage"),
    path("t/<slug:tenant>/usage/hours.csv", views.export_csv, name="tenant-usage-csv"),
    path("t/<slug:tenant>/usage/hours.json", views.export_json, name="tenant-usage-json"),
]
