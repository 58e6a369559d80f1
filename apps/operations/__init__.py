"""Asynchronous jobs as rows: claimed, reported and ended only by conditional updates. The queue is a hint."""
