"""The doors of a tenant: its own pages, its members and invitations to it, its API tokens and people's own."""
