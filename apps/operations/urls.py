from django.urls import path

from apps.operations import views

urlpatterns = [
    path("t/<slug:tenant>/operations/<int:pk>/", views.operation_detail, name="operation-detail"),
    path("t/<slug:tenant>/operations/<int:pk>/cancel/", views.cancel, name="operation-cancel"),
]
