import numpy as np
import pytest
import torch

from ipvit.errors import InvalidGrid, InvalidInput
from ipvit.experiments.experiment import Row
from ipvit.experiments.parameters import read_params
from ipvit.experiments.subject import Subject
from ipvit.experiments.superclasses import IMAGENET_SUPERCLASSES
from ipvit.experiments.token_correlation import SPEC, TokenCorrelationParams
from ipvit.models.specs import MODELS, labels_of
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from tests.experiments.in_memory import MemorySet, Prepared, evaluate, subject_of
from tests.models.tiny import tiny
from tests.tiny_model import TINY

PARAMS = TokenCorrelationParams(ratios=(0.25, 0.75), runs=2)


def class_tokens(subject: Subject, pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        images = subject.normalise(subject.to_device(pixels))
        return subject.module.forward_features(images)[:, 0].numpy().astype(float)


def values(rows: list[Row], metric: str) -> dict[tuple[object, ...], float]:
    return {
        (row.condition["ratio"], row.condition.get("class")): row.value
        for row in rows
        if row.metric == metric
    }


def test_rows_are_those_of_a_network_run_by_hand(images: MemorySet, tiny_vit: Subject) -> None:
    _, rows = evaluate(SPEC, PARAMS, tiny_vit, images, seed=4)
    pixels = Prepared().read(0, 23, TINY.preprocessing).images
    clean = class_tokens(tiny_vit, pixels)
    standard = (clean - clean.mean(0)) / clean.std(0)
    per_run = []
    for run in range(2):
        masks = [
            random_drop_mask(TINY.grid, 0.75, seed=4 + run, key=entry.path)
            for entry in images.entries(0, 23)
        ]
        occluded = class_tokens(tiny_vit, drop_patches(pixels, np.stack(masks)))
        per_run.append(standard * (occluded - occluded.mean(0)) / occluded.std(0))
    means = [run.mean() for run in per_run]
    (row,) = [r for r in rows if r.metric == "correlation" and r.condition["ratio"] == 0.75]
    assert row.value == pytest.approx(np.mean(means), abs=1e-5)
    assert row.standard_error == pytest.approx(abs(means[0] - means[1]) / 2, abs=1e-5)
    assert (row.images, row.runs) == (23, 2)
    deviation = np.mean([run.mean(0).std() for run in per_run])
    assert values(rows, "deviation")[0.75, None] == pytest.approx(deviation, abs=1e-5)
    ship = labels_of(TINY).index("ship")
    of_ships = np.mean(per_run, axis=0)[np.arange(23) % 10 == ship].mean()
    assert values(rows, "class_correlation")[0.75, "ship"] == pytest.approx(of_ships, abs=1e-5)


@pytest.mark.parametrize(("cuts", "batch_images", "pass_images"), [((), 23, 23), ((2, 20), 4, 3)])
def test_rows_depend_on_no_cut_but_for_rounding(
    images: MemorySet,
    tiny_vit: Subject,
    cuts: tuple[int, ...],
    batch_images: int,
    pass_images: int,
) -> None:
    _, expected = evaluate(SPEC, PARAMS, tiny_vit, images)
    subject = subject_of(TINY, pass_images=pass_images)
    _, rows = evaluate(SPEC, PARAMS, subject, images, cuts=cuts, batch_images=batch_images)
    assert [row.condition for row in rows] == [row.condition for row in expected]
    assert [row.value for row in rows] == pytest.approx([row.value for row in expected], abs=1e-5)


def test_nothing_dropped_correlates_by_one(images: MemorySet, tiny_vit: Subject) -> None:
    _, rows = evaluate(SPEC, TokenCorrelationParams(ratios=(0,)), tiny_vit, images)
    assert values(rows, "correlation") == pytest.approx({(0, None): 1})
    assert values(rows, "deviation") == pytest.approx({(0, None): 0}, abs=1e-6)


def test_everything_dropped_leaves_nothing_that_varies(
    images: MemorySet, tiny_vit: Subject
) -> None:
    _, rows = evaluate(SPEC, TokenCorrelationParams(ratios=(1,)), tiny_vit, images)
    assert all(abs(row.value) <= 1 for row in rows if row.metric == "correlation")


def test_convolutional_networks_are_judged_by_what_enters_the_classifier(
    images: MemorySet,
) -> None:
    subject = subject_of(tiny(MODELS["pocket_cnn"]))
    outcomes, rows = evaluate(SPEC, TokenCorrelationParams(ratios=(0.5,)), subject, images)
    # Ten classes and the rest; the last stage is 256 wide.
    assert outcomes[0].partial.sums["clean"].shape == (11, 256)
    assert -1 < values(rows, "correlation")[0.5, None] < 1


def test_imagenets_models_are_reported_by_superclass(images: MemorySet) -> None:
    spec = tiny(MODELS["deit_t"])
    labels_map = np.array([0, 151, 152, 153, 7, 80, 1, 2, 3, 4])  # three dogs and two birds
    params = TokenCorrelationParams(ratios=(0.5,))
    outcomes, rows = evaluate(SPEC, params, subject_of(spec), images, labels_map=labels_map)
    by_class = [row for row in rows if row.metric == "class_correlation"]
    assert [row.condition["class"] for row in by_class] == ["dog", "bird"]
    # 23 images have the labels 0, 1 and 2 three times and the others twice.
    assert [row.images for row in by_class] == [3 + 3 + 2, 2 + 2]
    assert outcomes[0].partial.sums["images"].tolist() == [8, 0, 4, *[0] * 9, 11]
    assert [one.name for one in IMAGENET_SUPERCLASSES][::2][:2] == ["dog", "bird"]


def test_classes_are_left_out_when_not_asked_for(images: MemorySet, tiny_vit: Subject) -> None:
    _, rows = evaluate(SPEC, TokenCorrelationParams(by_class=False), tiny_vit, images)
    assert {row.metric for row in rows} == {"correlation", "deviation"}


def test_patches_that_leave_a_rest_are_dropped_where_they_are_seen(images: MemorySet) -> None:
    spec = tiny(MODELS["deit_t_patch38"])
    conditions = SPEC.conditions(TokenCorrelationParams(ratios=(0.5,)), spec)
    assert [condition.values["grid"] for condition in conditions] == ["5x5"]


def test_a_grid_must_fit() -> None:
    with pytest.raises(InvalidGrid) as caught:
        SPEC.conditions(TokenCorrelationParams(grid="5x5"), MODELS["pocket_deit"])
    assert caught.value.field == "params.grid"
    with pytest.raises(InvalidInput) as refused:
        read_params(SPEC, {"grid": "big"})
    assert refused.value.field == "params.grid"


def test_who_takes_part() -> None:
    unfit = {name for name, spec in MODELS.items() if SPEC.supports(spec) is not None}
    assert unfit == {"dino_vit_s", "squeezenet"}
