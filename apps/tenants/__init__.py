"""Tenants, memberships and `access()`, the only place that decides who may do what."""
