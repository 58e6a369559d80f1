"""WebSockets: the doorbell of pages, and log lines and statistics straight from the engine."""
