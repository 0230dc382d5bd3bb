from dataclasses import replace

import numpy as np
import pytest
import torch

from ipvit.attention.capture import AttentionCapture
from ipvit.errors import InvalidInput
from ipvit.experiments.experiment import Row
from ipvit.experiments.result import DatasetRecord, ModelRecord, build_result
from ipvit.experiments.segmentation import SPEC, SegmentationParams, score_attention, view
from ipvit.experiments.subject import Subject
from ipvit.models.input_size import input_size
from ipvit.models.specs import MODELS
from ipvit.preprocessing import SEGMENTATION_512
from tests.experiments.in_memory import MemorySet, Prepared, evaluate, subject_of, truth
from tests.tiny_model import TINY

PARAMS = SegmentationParams(thresholds=(0.6, 0.9))


@pytest.mark.parametrize(
    ("name", "side_px"),
    [
        ("deit_t", 512),
        ("deit_t_patch38", 512),
        ("vit_l", 512),
        ("pocket_deit", 72),
        ("pocket_deit_shape", 72),
    ],
)
def test_the_input_is_the_papers_or_in_proportion(name: str, side_px: int) -> None:
    spec = MODELS[name]
    seen = view(spec)
    assert (seen.crop_px, seen.resize_px, seen.squash) == (side_px, side_px, True)
    assert (seen.mean, seen.std) == (spec.preprocessing.mean, spec.preprocessing.std)
    if name == "deit_t":
        assert seen == SEGMENTATION_512


def test_scores_worked_by_hand() -> None:
    # 2x2 patches over a 4x4 truth. Class 1 fills the left half but for a void pixel, class 2 the
    # lower right patch. At 0.6 of the mass head 0 keeps the upper left patch, head 1 both on the
    # right.
    spec = replace(MODELS["pocket_deit"], fixed_head=0)
    attention = np.array([[[6, 1], [2, 1]], [[2, 3], [2, 3]]], float)
    mask = np.array(
        [[1, 1, 0, 0], [1, 255, 0, 0], [1, 1, 2, 2], [1, 1, 2, 2]],
        np.uint8,
    )
    shares = {
        (0, 1): 3 / 7,  # 3 of 4 pixels count, all within the 7 of class 1
        (0, 2): 0.0,
        (1, 1): 0.0,
        (1, 2): 4 / 8,
    }
    # The model's 18x18 patches, each of the four worked with being 9x9 of them.
    grown = np.kron(attention, np.ones((1, 9, 9)))
    best, fixed = score_attention(grown, np.kron(mask, np.ones((9, 9), np.uint8)), 0.6, spec)
    assert best == pytest.approx((shares[0, 1] + shares[1, 2]) / 2)
    assert fixed == pytest.approx((shares[0, 1] + shares[0, 2]) / 2)


def attention_by_hand(subject: Subject, token: str, side_px: int) -> np.ndarray:
    pixels = Prepared().read(0, 23, view(TINY)).images
    module = subject.module
    with (
        torch.inference_mode(),
        input_size(module, side_px),
        AttentionCapture(module, layers=[1], queries=[token]) as seen,
    ):
        module(subject.normalise(subject.to_device(pixels)))
    return seen.maps[1][:, :, 0, 2:].numpy().reshape(23, 2, side_px // 8, side_px // 8)


def naive_scores(attention: np.ndarray, truths: list[np.ndarray], threshold: float) -> np.ndarray:
    """Best and fixed head of each image with objects, pixel by pixel at 512x512: (images, 2)."""
    scores = []
    for grids, mask in zip(attention, truths, strict=True):
        rows, cols = ((2 * np.arange(512) + 1) * side // 1024 for side in mask.shape)
        large = mask[np.ix_(rows, cols)]
        cells = np.arange(512) * grids.shape[-1] // 512
        by_class = []
        for number in set(np.unique(large)) - {0, 255}:
            by_head = []
            for grid in grids:
                flat = grid.reshape(-1).astype(float) / grid.sum(dtype=float)
                order = np.argsort(flat, kind="stable")
                kept = np.zeros(flat.size, bool)
                kept[order] = np.cumsum(flat[order]) > 1 - threshold
                found = kept.reshape(grid.shape)[np.ix_(cells, cells)] & (large != 255)
                wanted = large == number
                by_head.append((found & wanted).sum() / (found | wanted).sum())
            by_class.append(by_head)
        if by_class:
            scores.append([np.mean(np.max(by_class, axis=1)), np.mean(by_class, axis=0)[0]])
    return np.array(scores)


def only(rows: list[Row], metric: str, **condition: object) -> Row:
    (row,) = [row for row in rows if row.metric == metric and row.condition == condition]
    return row


@pytest.mark.parametrize("token", ["cls", "shape"])
@pytest.mark.parametrize("weights", ["trained", "random"])
def test_indices_are_those_of_plain_loops(
    images: MemorySet, tiny_vit: Subject, token: str, weights: str
) -> None:
    with torch.no_grad():  # unlike the untrained twin
        for parameter in tiny_vit.module.parameters():
            parameter.mul_(1.5)
    _, rows = evaluate(SPEC, PARAMS, tiny_vit, images)
    subject = tiny_vit if weights == "trained" else subject_of(TINY)
    attention = attention_by_hand(subject, token, view(TINY).crop_px)
    truths = [truth(position) for position in range(23)]
    for threshold in (0.6, 0.9):
        expected = 100 * naive_scores(attention, truths, threshold)
        assert expected.shape == (22, 2)  # one image shows no object
        condition = {"weights": weights, "token": token, "threshold": threshold}
        best = only(rows, "jaccard_best", **condition)
        fixed = only(rows, "jaccard_fixed", **condition)
        assert best.value == pytest.approx(expected[:, 0].mean(), rel=1e-3)
        assert fixed.value == pytest.approx(expected[:, 1].mean(), rel=1e-3)
        assert best.value >= fixed.value
        assert best.images == 22
        half = 1.96 * expected[:, 0].std(ddof=1) / np.sqrt(22)
        assert best.high95 - best.value == pytest.approx(half, rel=1e-2)


@pytest.mark.parametrize(("cuts", "batch_images", "pass_images"), [((), 23, 23), ((4, 9), 3, 2)])
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
    assert [row.value for row in rows] == pytest.approx([row.value for row in expected], rel=1e-3)
    assert [row.images for row in rows] == [22] * 16


def test_a_set_without_objects_has_no_rows(images: MemorySet, tiny_vit: Subject) -> None:
    outcomes, _ = evaluate(SPEC, PARAMS, tiny_vit, images, cuts=(3, 4))
    alone = outcomes[1].partial
    assert alone.images == 1
    assert list(SPEC.rows(alone.sums, 1, PARAMS, TINY)) == []


def test_the_network_is_as_before(images: MemorySet, tiny_vit: Subject) -> None:
    pixels = tiny_vit.to_device(Prepared().read(0, 4, TINY.preprocessing).images)
    before = tiny_vit.logits(pixels)
    evaluate(SPEC, PARAMS, tiny_vit, images)
    assert np.array_equal(tiny_vit.logits(pixels), before)
    assert not any(part._forward_hooks for part in tiny_vit.module.modules())


def test_a_result_names_the_view_that_was_read(images: MemorySet, tiny_vit: Subject) -> None:
    outcomes, _ = evaluate(SPEC, PARAMS, tiny_vit, images)
    record = ModelRecord(TINY, "0" * 64, "fp32", "cpu", 23, 1.0, outcomes[0].partial.sums)
    result = build_result(
        SPEC,
        PARAMS,
        seed=0,
        dataset=DatasetRecord.of(images),
        models=[record],
        failed=[],
        seconds=1.0,
    )
    assert result["models"][0]["preprocessing"].startswith("resize to 72x72 px (bilinear")
    assert {row["images"] for row in result["rows"]} == {22}


def test_tokens_are_those_the_model_has() -> None:
    def names(name: str, **changes: object) -> list[str]:
        return [c.name for c in SPEC.conditions(SegmentationParams(**changes), MODELS[name])]

    assert names("deit_t") == ["trained/cls/0.9", "random/cls/0.9"]
    assert names("pocket_deit_shape", weights=("trained",)) == [
        "trained/cls/0.9",
        "trained/shape/0.9",
    ]
    with pytest.raises(InvalidInput, match="a token of deit_t, cls, got shape") as caught:
        names("deit_t", tokens=("shape",))
    assert caught.value.field == "params.tokens"


def test_who_takes_part() -> None:
    assert SPEC.supports(MODELS["dino_vit_s"]) is None
    assert SPEC.supports(MODELS["pocket_cnn"]) is not None


def test_a_pass_counts_for_its_size() -> None:
    # (512 / 224)² = 5.2 passes for each of two networks; (72 / 32)² = 5.1.
    assert SPEC.forwards(SegmentationParams(), MODELS["deit_t"]) == 10
    assert SPEC.forwards(SegmentationParams(weights=("trained",)), MODELS["pocket_deit"]) == 5
