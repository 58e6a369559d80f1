from dataclasses import asdict

from apps.engine.errors import EngineError
from apps.nodes import checklist
from apps.nodes.engines import engine_for
from apps.nodes.models import Node
from apps.nodes.services import apply_capacity, mark_seen
from apps.operations.models import Kind
from apps.operations.run import Run, job


@job(Kind.CHECK_NODE)
def check_node(run: Run) -> None:
    """Ask the engine about itself and write the check-list."""
    node = Node.objects.get(pk=run.operation.payload["node"])
    run.step("check")
    try:
        facts = engine_for(node).facts()
    except EngineError as error:
        node.checklist = [line.to_json() for line in checklist.unreachable(error.message)]
        node.save(update_fields=["checklist"])
        mark_seen(node, error.message)
        raise
    node.facts = asdict(facts)
    node.architecture = facts.architecture
    node.checklist = [line.to_json() for line in checklist.judge(facts)]
    node.save(update_fields=["facts", "architecture", "checklist"])
    apply_capacity(node)
    mark_seen(node)
