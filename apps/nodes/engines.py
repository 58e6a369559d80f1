"""From a node to its engine. Imported by the worker and the watcher, never by the web tier."""

from apps.engine.client import Engine, engine_at
from apps.nodes.models import Node


def engine_for(node: Node) -> Engine:
    return engine_at(node.url)
