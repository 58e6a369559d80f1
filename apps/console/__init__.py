"""The operator's side, and the only app that may query across tenants."""
