"""The process that follows the engine: events, full comparison, and the sweeper of operations."""
