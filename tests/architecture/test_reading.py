"""Rules of the house that are checked by reading the code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from panel.env import BASE_DIR

DOORS = sorted(
    path
    for name in ("views", "api", "consumers")
    for pattern in (f"apps/*/*{name}.py", f"apps/*/{name}/*.py")
    for path in BASE_DIR.glob(pattern)
)


def imports_at_run_time(path: Path) -> list[str]:
    """Modules that the file imports outside `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text())
    found = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def all_urls(resolver: URLResolver | None = None, prefix: str = "") -> list[tuple[str, URLPattern]]:
    found = []
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found += all_urls(entry, route)
        else:
            found.append((route, entry))
    return found


@pytest.mark.parametrize("path", DOORS, ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_doors_import_no_model(path):
    """Rows are reached through `request.tenant`, so that no query can forget the tenant."""
    models = [name for name in imports_at_run_time(path) if name.endswith(".models") or ".models." in name]
    # The types of a request's own user are no query.
    assert [name for name in models if not name.startswith("django.")] == []


@pytest.mark.parametrize(
    ("route", "pattern"), all_urls(), ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_every_tenant_url_declares_a_permission_and_every_console_url_an_operator(route, pattern):
    if route.startswith("t/"):
        assert hasattr(pattern.callback, "permission"), f"{route} declares no permission"
    elif route.startswith("console/"):
        assert hasattr(pattern.callback, "is_operator_view"), f"{route} is not an operator's view"


def test_the_web_tier_never_loads_the_docker_sdk():
    code = "import django; django.setup(); import panel.urls, panel.asgi, sys; sys.exit('docker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, check=False).returncode == 0


def test_no_function_imports_within_itself():
    """`services → tasks → jobs` has no cycle, so nothing has to be imported inside a function."""
    inner = [
        f"{path.relative_to(BASE_DIR)}:{node.lineno}"
        for path in BASE_DIR.glob("apps/**/*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inner == []


def test_nothing_passes_tenant_text_as_safe_markup():
    for path in [*BASE_DIR.glob("apps/**/*.py"), *BASE_DIR.glob("templates/**/*.html")]:
        text = path.read_text()
        assert "mark_safe" not in text, path
        assert "|safe" not in text, path
