"""A whole evaluation in one process, on real files and the shipped models."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ipvit.datasets.catalogue import open_path
from ipvit.datasets.dataset import Dataset
from ipvit.datasets.decode_cache import PixelStore
from ipvit.errors import InvalidInput, UnknownName, WeightsUnavailable
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.local import LocalRun
from ipvit.experiments.parameters import parse_assignments
from ipvit.models.specs import MODELS

CLASSES = ("cat", "dog", "ship")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos of noise in three class folders; one is broken."""
    root = tmp_path_factory.mktemp("data") / "photos"
    for at in range(12):
        folder = root / CLASSES[at % 3]
        folder.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(at).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((48, 40)).save(folder / f"{at:02}.png")
    (root / "dog" / "04.png").write_bytes(b"no image")
    return root


@pytest.fixture
def dataset(photos: Path, tmp_path: Path) -> Dataset:
    return open_path(photos, tmp_path)


def local(cache: Path, **changes: object) -> LocalRun:
    values: dict[str, object] = {"precision": "fp32", "saliency_model": "pocket_deit_shape"}
    return LocalRun(MODELS, cache, **(values | changes))  # type: ignore[arg-type]


def test_a_result_from_files_to_numbers(dataset: Dataset, tmp_path: Path) -> None:
    experiment = EXPERIMENTS["patch-drop"]
    params = parse_assignments(experiment, ["ratios=0,0.5", "modes=random,salient", "runs=2"])
    seen: list[tuple[str, int]] = []
    with PixelStore(dataset, tmp_path) as pixels:
        result = local(tmp_path, batch_images=5).evaluate(
            experiment,
            params,
            ["pocket_deit", "pocket_cnn"],
            dataset,
            pixels,
            seed=7,
            on_progress=lambda model, done: seen.append((model, done)),
        )
    assert [entry["path"] for entry in result["failed"]] == ["dog/04.png"]
    assert [model["images"] for model in result["models"]] == [11, 11]
    assert seen == [(m, n) for m in ("pocket_deit", "pocket_cnn") for n in (0, 5, 10, 12)]
    top1 = [row for row in result["rows"] if row["metric"] == "top1"]
    assert [row["runs"] for row in top1] == [1, 2, 1, 1] * 2
    # The record names the saliency model, whatever is the default elsewhere.
    assert result["params"]["saliency_model"] == "pocket_deit_shape"
    # A model of three classes out of ten is right by some number of whole images.
    for row in top1:
        assert row["value"] * 11 * row["runs"] / 100 == pytest.approx(
            round(row["value"] * 11 * row["runs"] / 100)
        )


@pytest.mark.parametrize("name", ["patch-drop", "patch-shuffle", "placement"])
def test_numbers_do_not_depend_on_the_batch(name: str, dataset: Dataset, tmp_path: Path) -> None:
    experiment = EXPERIMENTS[name]
    params = experiment.parameters()
    if "runs" in experiment.parameters.model_fields:
        params = params.model_copy(update={"runs": 2})
    with PixelStore(dataset, tmp_path) as pixels:
        rows = [
            local(tmp_path, batch_images=batch).evaluate(
                experiment, params, ["pocket_deit"], dataset, pixels
            )["rows"]
            for batch in (2, 64)
        ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        ("pocket_deti", UnknownName, "pocket_deit"),
        ("deit_t", InvalidInput, "classes"),
        ("dino_vit_s", InvalidInput, "no classification head"),
    ],
)
def test_what_cannot_be_evaluated_is_said_first(
    model: str, error: type[Exception], said: str, dataset: Dataset, tmp_path: Path
) -> None:
    experiment = EXPERIMENTS["patch-drop"]
    with PixelStore(dataset, tmp_path) as pixels, pytest.raises(error, match=said):
        local(tmp_path).evaluate(experiment, experiment.parameters(), [model], dataset, pixels)


def test_missing_weights_are_said_first(dataset: Dataset, tmp_path: Path) -> None:
    experiment = EXPERIMENTS["attention-average"]
    with PixelStore(dataset, tmp_path) as pixels, pytest.raises(WeightsUnavailable, match="pull"):
        local(tmp_path).evaluate(experiment, experiment.parameters(), ["deit_t"], dataset, pixels)


def test_masks_where_there_are_none(dataset: Dataset, tmp_path: Path) -> None:
    experiment = EXPERIMENTS["segmentation"]
    with PixelStore(dataset, tmp_path) as pixels, pytest.raises(InvalidInput, match="masks"):
        local(tmp_path).evaluate(
            experiment, experiment.parameters(), ["pocket_deit"], dataset, pixels
        )
