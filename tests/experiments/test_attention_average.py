import numpy as np
import pytest
import torch

from ipvit.attention.capture import AttentionCapture
from ipvit.errors import InvalidInput
from ipvit.experiments.attention_average import SPEC, AttentionAverageParams, fixed_mask
from ipvit.experiments.subject import Subject
from ipvit.models.specs import MODELS
from ipvit.perturbations.patch_drop import drop_patches
from tests.experiments.in_memory import MemorySet, Prepared, evaluate, subject_of
from tests.tiny_model import TINY

PARAMS = AttentionAverageParams(ratio=0.5, token="shape", map_layers=(1,))


def averaged(subject: Subject, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The class token's attention to the 16 patches, (layers, heads, 4, 4), and the mask."""
    mask = fixed_mask(TINY, 0.5, seed)
    pixels = drop_patches(Prepared().read(0, 23, TINY.preprocessing).images, mask)
    capture = AttentionCapture(subject.module, layers=[0, 1], queries=["shape"])
    with torch.inference_mode(), capture as seen:
        subject.module(subject.normalise(subject.to_device(pixels)))
    rows = np.stack([seen.maps[layer][:, :, 0, 2:].numpy() for layer in (0, 1)], axis=1)
    return (rows / rows.sum(-1, keepdims=True)).mean(0).reshape(2, 2, 4, 4), mask


def test_averages_are_those_of_a_network_run_by_hand(images: MemorySet, tiny_vit: Subject) -> None:
    _, rows = evaluate(SPEC, PARAMS, tiny_vit, images, seed=5)
    average, mask = averaged(tiny_vit, 5)
    assert mask.sum() == 8
    for row in rows:
        weights = average[row.condition["layer"], row.condition["head"]]
        if row.metric == "kept_share":
            assert row.value == pytest.approx(100 * weights[~mask].sum(), abs=1e-4)
        elif row.metric == "dropped_to_kept":
            assert row.value == pytest.approx(weights[mask].mean() / weights[~mask].mean(), 1e-5)
        else:
            place = row.condition["row"], row.condition["col"]
            assert row.value == pytest.approx(weights[place], abs=1e-6)
            assert row.condition["dropped"] == mask[place]
    assert [row.metric for row in rows].count("attention") == 2 * 16
    maps = [row.value for row in rows if row.metric == "attention" and row.condition["head"] == 0]
    assert sum(maps) == pytest.approx(1)


@pytest.mark.parametrize(("cuts", "batch_images", "pass_images"), [((), 23, 23), ((2, 3), 4, 3)])
def test_sums_depend_on_no_cut_but_for_the_networks_rounding(
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
    assert [row.value for row in rows] == pytest.approx([row.value for row in expected], rel=1e-5)


def test_without_occlusion_all_attention_falls_on_what_is_left(
    images: MemorySet, tiny_vit: Subject
) -> None:
    _, rows = evaluate(SPEC, AttentionAverageParams(ratio=0), tiny_vit, images)
    assert {row.metric for row in rows} == {"kept_share"}
    assert [row.value for row in rows] == pytest.approx([100] * 4)


def test_the_mask_depends_on_the_seed_alone() -> None:
    spec = MODELS["deit_t"]
    assert fixed_mask(spec, 0.5, 1).sum() == 98
    assert np.array_equal(fixed_mask(spec, 0.5, 1), fixed_mask(MODELS["deit_b"], 0.5, 1))
    assert not np.array_equal(fixed_mask(spec, 0.5, 1), fixed_mask(spec, 0.5, 2))


def test_parameters_must_fit_the_model() -> None:
    for params, name, field in (
        (AttentionAverageParams(token="shape"), "deit_t", "token"),
        (AttentionAverageParams(map_layers=(6,)), "pocket_deit", "map_layers"),
    ):
        with pytest.raises(InvalidInput) as caught:
            SPEC.conditions(params, MODELS[name])
        assert caught.value.field == f"params.{field}"
    assert SPEC.supports(MODELS["swin_t"]) is not None
    assert SPEC.supports(MODELS["dino_vit_s"]) is None
