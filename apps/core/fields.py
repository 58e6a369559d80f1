"""Encrypted columns."""

from functools import cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


@cache
def _cipher() -> MultiFernet:
    """The first key encrypts; all of them decrypt, so that keys can be rotated."""
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


class EncryptedTextField(models.TextField[str, str]):
    """Text that is encrypted at rest with the installation's key. It cannot be searched or ordered by."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return None if text is None else _cipher().encrypt(text.encode()).decode()

    def from_db_value(self, value: str | None, _expression: object, _connection: BaseDatabaseWrapper) -> str | None:
        return None if value is None else _cipher().decrypt(value.encode()).decode()
