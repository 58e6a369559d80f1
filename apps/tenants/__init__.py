"""Tenants, who belongs to them and is invited, API tokens, and `access()`, the only place that decides who may do what.

Memberships and invitations come to be and end in `roster` alone, one change of a tenant after the other.
"""
