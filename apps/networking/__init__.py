"""One bridge per application, and the routes by which the proxy reaches it.

A row says what should be; the file under `var/routes` that the proxy reads is always written from the row.
"""
