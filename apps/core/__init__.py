"""Errors, template helpers, the encrypted field and the doorbell. Imports no other app and has no models."""
