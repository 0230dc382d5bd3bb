"""Results as pages to read; the JSON beside each has every number."""

from collections.abc import Iterable
from typing import Any

Report = dict[str, Any]


def heading(title: str, machine: Report) -> list[str]:
    """What every page begins with."""
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return [
        f"# {title}",
        "",
        f"{machine['date']}, commit {machine['commit']}. {machine['cpu']}, "
        f"{machine['cores']} cores, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}; Python {machine['python']}, "
        f"{packages}; load average before the run {machine['load_before']}.",
        "",
    ]


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table; cells are texts."""
    names = tuple(columns)
    lines = (names, ("---",) * len(names), *rows)
    return [f"| {' | '.join(cells)} |" for cells in lines]
