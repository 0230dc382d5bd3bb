"""What ships: weights that load strictly, with cards that tell the truth about them."""

import hashlib
import json
from importlib import resources
from pathlib import Path

import pytest
from safetensors.torch import load_file

from ipvit.models.architectures import build_architecture
from ipvit.training.pocket_table import accuracy_table, bias_table

WEIGHTS = Path(str(resources.files("ipvit.models.weights")))
FILES = sorted(WEIGHTS.glob("*.safetensors"))
NAMES = {
    "pocket_cnn",
    "pocket_cnn_sin",
    "pocket_deit",
    "pocket_deit_nopos",
    "pocket_deit_shape",
    "pocket_deit_sin",
}


def test_all_six_ship_and_fit_into_25_mb():
    assert {file.stem for file in FILES} == NAMES
    assert sum(file.stat().st_size for file in FILES) <= 25_000_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_weights_fit_their_card(file):
    card = json.loads(file.with_suffix(".json").read_text())
    recipe = card["recipe"]
    model = build_architecture(
        recipe["architecture"], num_classes=len(card["classes"]), **recipe["architecture_options"]
    )
    state = load_file(file)
    assert {value.dtype.itemsize for value in state.values() if value.is_floating_point()} == {2}
    model.load_state_dict(state)
    assert sum(p.numel() for p in model.parameters()) == card["parameters"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card["weights_sha256"]
    assert card["seed"] is not None
    assert card["command"].startswith("ipvit train")
    assert min(card["test_accuracy"].values()) > 0.2


def test_the_documented_tables_are_the_measured_ones():
    docs = Path(__file__).parents[2] / "docs"
    report = json.loads((docs / "pocket-models.json").read_text())
    text = (docs / "pocket-models.md").read_text()
    assert accuracy_table(report) in text
    assert bias_table(report) in text
    for name, measured in report.items():
        card = json.loads((WEIGHTS / f"{name}.json").read_text())
        assert measured["weights_sha256"] == card["weights_sha256"]
