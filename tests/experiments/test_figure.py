import io
from dataclasses import asdict
from typing import Any

import pytest
from PIL import Image

from ipvit.errors import InvalidInput
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.curves import curves_of
from ipvit.experiments.figure import draw
from ipvit.models.specs import MODELS


def row(model: str, condition: dict[str, Any], value: float, paper: float | None = None) -> Any:
    return {
        "model": model,
        "condition": condition,
        "metric": "top1",
        "value": value,
        "standard_error": None,
        "low95": value - 2,
        "high95": value + 3,
        "images": 50,
        "runs": 1,
        "paper": None if paper is None else {"value": paper, "source": "paper"},
    }


def result(experiment: str, rows: list[Any], *, seed: int = 0, data: str = "photos") -> Any:
    spec = EXPERIMENTS[experiment]
    names = dict.fromkeys(row["model"] for row in rows)
    return {
        "experiment": experiment,
        "title": spec.title,
        "paper": spec.paper,
        "command": f"ipvit evaluate {experiment}",
        "seed": seed,
        "dataset": {"name": data, "images": 50},
        "models": [
            {"name": name, "title": MODELS[name].title, "precision": "fp32"} for name in names
        ],
        "rows": rows,
        "plot": asdict(spec.plot),
        "metrics": dict(spec.metrics),
    }


def dropped(model: str, mode: str = "random", grid: str = "14x14", **changes: Any) -> list[Any]:
    return [
        row(
            model,
            {"mode": mode, "grid": grid, "offset_px": 0, "ratio": ratio},
            80 - 60 * ratio,
            81.7 if ratio == 0 else None,
            **changes,
        )
        for ratio in (0.0, 0.5, 0.9)
    ]


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        image.load()
        assert image.convert("L").getextrema()[0] < 100, "nothing was drawn"
        return image.size


def labels(*results: Any) -> list[str]:
    return [curve.label for curve in curves_of(results)]


def test_lines_with_the_papers_points() -> None:
    assert size_of(draw([result("patch-drop", dropped("deit_b"))])) == (1200, 750)


def test_bars() -> None:
    rows = [
        row(model, {"corner": corner, "size_px": 128}, 40, 51.2)
        for model in ("deit_b", "resnet50")
        for corner in ("top-left", "top-right")
    ]
    assert size_of(draw([result("placement", rows)])) == (1200, 750)


def test_heat_maps_side_by_side() -> None:
    rows = [
        {
            **row(
                model, {"layer": layer, "head": head, "token": "cls", "ratio": 0.5}, layer + head
            ),
            "metric": "kept_share",
            "low95": None,
            "high95": None,
        }
        for model in ("deit_b", "deit_s", "vit_b")
        for layer in range(3)
        for head in range(2)
    ]
    width, height = size_of(draw([result("attention-average", rows)]))
    assert (width, height) == (1950, 750)


def test_no_rows_yet_is_a_picture_too() -> None:
    assert size_of(draw([result("patch-drop", [])])) == (1200, 750)


def test_a_dollar_in_a_name_is_no_formula() -> None:
    one = result("patch-drop", dropped("deit_b"), data="$\\frac")
    one["models"][0]["title"] = "$x_{"
    assert size_of(draw([one, result("patch-drop", dropped("deit_s"))]))


def test_curves_are_named_by_what_differs() -> None:
    one_mode = result("patch-drop", dropped("deit_b") + dropped("deit_s"))
    assert labels(one_mode) == ["DeiT-B", "DeiT-S"]
    modes = result("patch-drop", dropped("deit_b") + dropped("deit_b", "non_salient"))
    assert labels(modes) == ["DeiT-B, random", "DeiT-B, non-salient"]
    # Each model has its own patches: the grid tells nothing apart.
    own = result("patch-drop", dropped("deit_b") + dropped("pocket_deit", grid="8x8"))
    assert labels(own) == ["DeiT-B", "Pocket DeiT"]


def test_results_are_named_by_what_differs() -> None:
    base = result("patch-drop", dropped("deit_b"))
    seeds = labels(base, result("patch-drop", dropped("deit_b"), seed=1))
    assert seeds == ["DeiT-B, seed 0", "DeiT-B, seed 1"]
    sets = labels(base, result("patch-drop", dropped("deit_b"), data="sketches"))
    assert sets == ["DeiT-B, photos", "DeiT-B, sketches"]
    assert labels(base, result("patch-drop", dropped("deit_s"))) == ["DeiT-B", "DeiT-S"]
    assert labels(base, base) == ["DeiT-B, (1)", "DeiT-B, (2)"]


def test_another_metric() -> None:
    spec = result("patch-drop", dropped("deit_b"))
    for one in spec["rows"]:
        one["metric"] = "information_loss"
    (curve,) = curves_of([spec], "information_loss")
    assert [point.x for point in curve.points] == [0.0, 0.5, 0.9]
    assert draw([spec], metric="information_loss")


def test_what_cannot_be_drawn_is_said() -> None:
    one = result("patch-drop", dropped("deit_b"))
    with pytest.raises(InvalidInput, match="at least one"):
        draw([])
    with pytest.raises(InvalidInput, match="one experiment"):
        draw([one, result("placement", [])])
    with pytest.raises(InvalidInput, match="accuracy"):
        draw([one], metric="accuracy")
