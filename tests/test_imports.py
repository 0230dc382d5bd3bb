"""The import rules of the house: who may know whom, and what stays light.

`ipvit` knows neither `workers` nor `app`; `workers` does not know `app`; `app` reaches `workers`
only through the embedded backend, lazily; the application factory and the command line start
without loading torch.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "torchvision", "timm", "lightning_fabric")


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


def test_the_science_knows_neither_workers_nor_app() -> None:
    assert offenders("ipvit", ("workers", "app", "fastapi", "starlette", "celery")) == []


def test_workers_do_not_know_the_app() -> None:
    assert offenders("workers", ("app", "fastapi", "starlette")) == []


def test_only_the_embedded_backend_knows_workers() -> None:
    assert offenders("app", ("workers",), allowed=("app/backends/embedded.py",)) == []


@pytest.mark.parametrize("module", ["app.factory", "app.cli", "ipvit.models.specs"])
def test_starting_up_loads_no_heavy_library(module: str) -> None:
    program = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
