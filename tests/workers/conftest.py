from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipvit.registry import Registry
from tests.workers.probe import Gate, Probe, probe_spec
from workers.runtime import Runtime


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def make_runtime(gate: Gate, tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    """Build and start runtimes of a probe model, fp32 on one lane unless told otherwise."""
    started: list[Runtime] = []

    def make(**options: Any) -> Runtime:
        defaults: dict[str, Any] = {
            "precision": "fp32",
            "threads": 1,
            "preload": ("probe",),
            "load": lambda spec: Probe(gate),
            "cache_dir": tmp_path,
        }
        specs = Registry("model", [probe_spec("probe"), probe_spec("other")])
        runtime = Runtime(specs, **(defaults | options))
        started.append(runtime)
        runtime.start()
        gate.batches.clear()
        gate.arrived.clear()
        return runtime

    yield make
    gate.open()
    for runtime in started:
        runtime.close()
