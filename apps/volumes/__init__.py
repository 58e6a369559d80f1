"""Panel-made volumes: named by us, kept until the application is deleted."""
