from pathlib import Path

import pytest

from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.documentation import experiments_page
from ipvit.experiments.paper_values import PAPER_ENTRIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "experiments.md"


def test_the_page_is_what_the_experiments_say() -> None:
    written = "python -m ipvit.experiments.documentation > docs/experiments.md"
    assert PAGE.read_text(encoding="utf-8") == experiments_page(), f"write it again: {written}"


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda e: e.name)
def test_every_experiment_is_explained(experiment) -> None:
    page = experiments_page()
    chapter = page.split(f"\n## {experiment.title}\n")[1].split("\n## ")[0]
    assert f"`{experiment.name}`, {experiment.paper}" in chapter
    for name, parameter in experiment.parameters.model_fields.items():
        assert parameter.description, f"{name} has no description"
        assert f"| `{name}` |" in chapter
    for metric in experiment.metrics:
        assert f"| `{metric}` |" in chapter
    protocol = chapter.split("### Protocol and deviations\n")[1]
    assert len(protocol.split()) > 20


def test_every_number_of_the_paper_is_there() -> None:
    page = experiments_page()
    rows = [line for line in page.splitlines() if "Naseer et al. 2021, " in line and line[0] == "|"]
    assert len(rows) == len(PAPER_ENTRIES)
