import csv
import io
import json
import math
import shlex
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.curves import curves_of
from ipvit.experiments.experiment import Row
from ipvit.experiments.figure import draw
from ipvit.experiments.parameters import parse_assignments
from ipvit.experiments.patch_drop import PatchDropParams
from ipvit.experiments.result import DatasetRecord, ModelRecord, build_result, model_rows
from ipvit.experiments.table import to_csv
from ipvit.models.specs import MODELS
from tests.experiments.toys import random_set

SPEC = EXPERIMENTS["patch-drop"]
PARAMS = PatchDropParams(ratios=(0.0, 0.5), runs=2)


def record(name: str = "deit_b", *, images: int = 10) -> ModelRecord:
    """8 of 10 right on whole images, 6 and 7 with half of the 14 x 14 patches gone."""
    right = np.array([[8, 0], [6, 7]])
    return ModelRecord(
        spec=MODELS[name],
        weights_sha256="ab" * 32,
        precision="fp32",
        device="cpu",
        images=images,
        seconds=1.5,
        sums={"top1": right, "top5": right, "dropped": np.array([[0, 0], [980, 980]])},
    )


def a_result(**changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "seed": 3,
        "dataset": DatasetRecord.of(random_set(11)),
        "models": [record()],
        "failed": [],
        "seconds": 2.0,
    }
    return build_result(SPEC, PARAMS, **(values | changes))  # type: ignore[arg-type]


def test_rows_hold_ours_and_the_papers_numbers() -> None:
    rows = model_rows(SPEC, PARAMS, record())
    clean, half = rows[:2]
    assert clean["condition"] == {"mode": "random", "grid": "14x14", "offset_px": 0, "ratio": 0.0}
    assert (clean["value"], clean["runs"], clean["standard_error"]) == (80, 1, None)
    assert clean["paper"] == {"value": 81.7, "source": "Naseer et al. 2021, Fig. 27"}
    assert (half["value"], half["runs"]) == (65, 2)
    assert half["standard_error"] == pytest.approx(5)
    assert half["paper"]["value"] == 75.5
    lost = [row["value"] for row in rows if row["metric"] == "information_loss"]
    assert lost == [0, 0.5]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_null_and_is_left_out_of_the_chart(value: float) -> None:
    row = Row({"ratio": 0.0}, "top1", value, images=1, low95=value, high95=value)
    experiment = replace(SPEC, rows=lambda *_: [row])
    (found,) = model_rows(experiment, PARAMS, record())
    assert (found["value"], found["low95"], found["high95"]) == (None, None, None)
    result = a_result() | {"rows": [found]}
    json.dumps(result, allow_nan=False)
    assert curves_of([result]) == []
    assert draw([result]).startswith(b"\x89PNG")


def test_a_result_says_what_is_needed_to_repeat_it() -> None:
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    result = a_result(created_at=created)
    assert json.loads(json.dumps(result)) == result | {
        "plot": json.loads(json.dumps(result["plot"]))
    }
    assert result["created_at"] == "2026-01-02T03:04:05+00:00"
    assert result["dataset"] == {
        "name": "arrays",
        "kind": "folder",
        "fingerprint": "f" * 64,
        "images": 11,
        "classes": 8,
    }
    (model,) = result["models"]  # type: ignore[misc]
    assert model["weights_sha256"] == "ab" * 32
    assert "resize shorter side to 256 px" in model["preprocessing"]
    versions = result["versions"]
    assert set(versions) == {"python", "torch", "timm", "numpy", "pillow", "ipvit"}  # type: ignore[arg-type]


def test_the_command_computes_the_same() -> None:
    words = shlex.split(str(a_result(data="a folder/of photos")["command"]))
    assert words[:3] == ["ipvit", "evaluate", "patch-drop"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--data"] == "a folder/of photos"
    assert (options["--model"], options["--seed"]) == ("deit_b", "3")
    assignments = [word for at, word in enumerate(words) if words[at - 1] == "--param"]
    assert parse_assignments(SPEC, assignments) == PARAMS


def test_an_image_that_failed_for_every_model_is_listed_once() -> None:
    broken = {"path": "b.png", "error": "broken"}
    result = a_result(failed=[broken, {"path": "a.png", "error": "gone"}, broken])
    assert result["failed"] == [{"path": "a.png", "error": "gone"}, broken]


def test_a_model_without_images_has_no_rows() -> None:
    assert model_rows(SPEC, PARAMS, record(images=0)) == []


def test_the_table_reads_back() -> None:
    result = a_result()
    lines = list(csv.DictReader(io.StringIO(to_csv(result))))
    assert len(lines) == len(result["rows"])  # type: ignore[arg-type]
    first, half = lines[:2]
    assert first == {
        "experiment": "patch-drop",
        "dataset": "arrays",
        "seed": "3",
        "model": "deit_b",
        "mode": "random",
        "grid": "14x14",
        "offset_px": "0",
        "ratio": "0.0",
        "metric": "top1",
        "value": "80.0",
        "standard_error": "",
        "low95": first["low95"],
        "high95": first["high95"],
        "images": "10",
        "runs": "1",
        "paper_value": "81.7",
        "paper_source": "Naseer et al. 2021, Fig. 27",
    }
    assert float(half["low95"]) < 65 < float(half["high95"])


def test_rows_of_different_conditions_share_a_table() -> None:
    result = a_result()
    rows = result["rows"]
    rows.append({**rows[0], "condition": {"corner": "top-left"}, "paper": None})  # type: ignore[attr-defined, index]
    last = list(csv.DictReader(io.StringIO(to_csv(result))))[-1]
    assert (last["corner"], last["ratio"], last["paper_value"]) == ("top-left", "", "")
