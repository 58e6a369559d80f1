from django.db.models import TextChoices


class Strategy(TextChoices):
    """How a deploy changes over: beside the running release, or in its place (for a moment nobody answers)."""

    ROLLING = "rolling", "Rolling"
    RECREATE = "recreate", "Recreate"
