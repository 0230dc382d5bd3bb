"""The import rules of the house: who may know whom, and what stays light.

`ipvit` knows nobody; `jobs`, the job store, knows `ipvit`, and so does `wire`, what the service and
its workers say to each other; `workers` knows all three; `app` reaches
`workers` only through the embedded backend and the command that starts a worker, lazily; the
application factory and the command line start without loading torch.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WEB = ("fastapi", "starlette")
BROKER = ("celery", "kombu", "redis")
HEAVY = ("torch", "torchvision", "timm", "lightning_fabric", "matplotlib")


def imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module


def offenders(package: str, forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name in allowed:
            continue
        for module in imported_modules(ast.parse(path.read_text())):
            if module.split(".")[0] in forbidden:
                found.append(f"{name} imports {module}")
    return found


def test_the_science_knows_no_service() -> None:
    service = ("jobs", "wire", "workers", "app", *WEB, *BROKER, "sqlalchemy")
    assert offenders("ipvit", service) == []


def test_the_job_store_knows_only_the_science() -> None:
    assert offenders("jobs", ("wire", "workers", "app", *WEB, *BROKER)) == []


def test_the_wire_knows_neither_end() -> None:
    assert offenders("wire", ("jobs", "workers", "app", *WEB)) == []


def test_workers_do_not_know_the_app() -> None:
    assert offenders("workers", ("app", "fastapi", "starlette")) == []


def test_only_the_embedded_backend_and_the_worker_command_know_workers() -> None:
    allowed = ("app/backends/embedded.py", "app/commands/worker.py")
    assert offenders("app", ("workers",), allowed=allowed) == []


@pytest.mark.parametrize(
    "module", ["app.factory", "app.cli", "ipvit.models.specs", "ipvit.experiments", "jobs"]
)
def test_starting_up_loads_no_heavy_library(module: str) -> None:
    program = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
