"""Salient PatchDrop over a data set equals the masks of one image at a time."""

from dataclasses import replace

import numpy as np
import pytest

from ipvit.attention.capture import AttentionCapture
from ipvit.attention.patches import patch_grid
from ipvit.errors import InvalidInput, WeightsUnavailable
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import evaluate_range
from ipvit.experiments.pace import SteadyPace
from ipvit.experiments.patch_drop import PatchDropParams
from ipvit.experiments.subject import Subject
from ipvit.models.loading import build_model
from ipvit.models.specs import MODELS
from ipvit.perturbations.patch_drop import (
    drop_patches,
    non_salient_drop_mask,
    salient_drop_mask,
)
from tests.experiments.toys import ArraySet, as_tensor, toy_evaluation
from tests.tiny_model import TINY

SPEC = EXPERIMENTS["patch-drop"]
HEAD = 1


def attention(subject: Subject, images: np.ndarray) -> np.ndarray:
    with AttentionCapture(subject.module, layers=[1], queries=("shape",)) as seen:
        subject.run(as_tensor(images), subject.module)
    return patch_grid(seen.maps[1][:, HEAD, 0].numpy(), prefix_tokens=2, rows=4, cols=4)


@pytest.mark.parametrize("mode", ["salient", "non_salient"])
def test_masks_are_those_of_the_saliency_model(mode: str) -> None:
    looker = Subject(replace(TINY, name="looker"), build_model(replace(TINY, name="looker")))
    subject = Subject(TINY, build_model(TINY))
    images = np.random.default_rng(2).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    choose = salient_drop_mask if mode == "salient" else non_salient_drop_mask
    maps = attention(looker, images)
    masks = [np.stack([choose(one, mass) for one in maps]) for mass in (0.2, 0.7)]
    guesses = [subject.logits(as_tensor(drop_patches(images, mask))).argmax(1) for mask in masks]
    dataset = ArraySet(images, guesses[0].tolist())
    params = PatchDropParams(modes=(mode,), ratios=(0.2, 0.7), saliency_head=HEAD)  # type: ignore[arg-type]
    outcome = evaluate_range(
        SPEC,
        params,
        dataset,
        0,
        5,
        evaluation=toy_evaluation(subject.module, TINY, pace=SteadyPace(2), saliency=looker),
        pixels=dataset,
        labels_map=np.arange(10),
    )
    sums = outcome.partial.sums
    assert sums["top1"][:, 0].tolist() == [5, int(np.sum(guesses[0] == guesses[1]))]
    assert sums["dropped"][:, 0].tolist() == [int(mask.sum()) for mask in masks]


def test_salient_modes_are_one_run() -> None:
    params = PatchDropParams(modes=("random", "salient", "non_salient"), ratios=(0.5,), runs=4)
    runs = [condition.runs for condition in SPEC.conditions(params, TINY)]
    assert runs == [4, 1, 1]
    # One more pass is the saliency model's.
    assert SPEC.forwards(params, TINY) == 7


def test_only_salient_modes_need_a_saliency_model() -> None:
    salient = PatchDropParams(modes=("salient",))
    assert SPEC.saliency_name(PatchDropParams(), "looker") is None
    assert SPEC.saliency_name(salient, "looker") == "looker"
    assert SPEC.saliency_name(salient.model_copy(update={"saliency_model": "a"}), "b") == "a"
    with pytest.raises(WeightsUnavailable, match="dino_vit_s"):
        SPEC.saliency_name(salient, None)


def test_both_models_see_the_same_region() -> None:
    """DINO's 224 px for a pocket model's whole photo: nothing is cropped."""
    params = PatchDropParams(modes=("salient",))
    own, view = SPEC.preprocessings(params, MODELS["pocket_deit"], MODELS["dino_vit_s"])
    assert own == MODELS["pocket_deit"].preprocessing
    assert (view.resize_px, view.crop_px) == (224, 224)


@pytest.mark.parametrize(
    ("saliency", "head", "field"),
    [
        ("resnet50", None, "params.saliency_model"),
        ("dino_vit_s", 6, "params.saliency_head"),
    ],
)
def test_a_saliency_model_that_cannot_look(saliency: str, head: int | None, field: str) -> None:
    params = PatchDropParams(modes=("salient",), saliency_head=head)
    with pytest.raises(InvalidInput) as caught:
        SPEC.preprocessings(params, MODELS["deit_t"], MODELS[saliency])
    assert caught.value.field == field
