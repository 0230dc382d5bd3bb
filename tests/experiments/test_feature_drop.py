from dataclasses import replace

import numpy as np
import pytest
import torch

from ipvit.errors import InvalidInput
from ipvit.experiments.feature_drop import SPEC, FeatureDropParams
from ipvit.experiments.parameters import read_params
from ipvit.experiments.subject import Subject
from ipvit.models.specs import MODELS
from ipvit.perturbations.feature_drop import Site, feature_drop_mask
from tests.experiments.in_memory import MemorySet, Prepared, evaluate, subject_of
from tests.models.tiny import RANDOM
from tests.tiny_model import TINY

PARAMS = FeatureDropParams(blocks=(0, 1), rates=(0, 0.5, 0.9), runs=2)


def pixels(images: MemorySet) -> np.ndarray:
    return Prepared().read(0, len(images), TINY.preprocessing).images


def test_accuracy_is_that_of_a_network_run_by_hand(images: MemorySet, tiny_vit: Subject) -> None:
    _, rows = evaluate(SPEC, PARAMS, tiny_vit, images, seed=3)
    network = tiny_vit.module
    entries = images.entries(0, len(images))
    labels = torch.tensor([entry.label for entry in entries])
    site = Site("block", 1)
    right = []
    with torch.inference_mode():
        for run in range(2):
            tokens = tiny_vit.normalise(tiny_vit.to_device(pixels(images)))
            tokens = network.blocks[0](network._pos_embed(network.patch_embed(tokens)))
            for image, entry in enumerate(entries):
                mask = feature_drop_mask(
                    16, 0.5, site, prefix_tokens=2, seed=3 + run, key=entry.path
                )
                tokens[image, 2 + torch.from_numpy(np.flatnonzero(mask))] = 0
            logits = network.forward_head(network.norm(network.blocks[1](tokens)))
            right.append(100 * float((logits.argmax(1) == labels).float().mean()))
    (row,) = [
        row
        for row in rows
        if row.condition == {"site": "block 1", "rate": 0.5} and row.metric == "top1"
    ]
    assert row.value == pytest.approx(np.mean(right))
    assert row.standard_error == pytest.approx(abs(right[0] - right[1]) / 2)
    assert (row.images, row.runs) == (23, 2)


@pytest.mark.parametrize(("cuts", "batch_images", "pass_images"), [((), 23, 23), ((5, 14), 3, 2)])
@pytest.mark.parametrize("name", ["tiny", "pocket_cnn"])
def test_counts_depend_on_no_cut(
    images: MemorySet, name: str, cuts: tuple[int, ...], batch_images: int, pass_images: int
) -> None:
    spec = TINY if name == "tiny" else replace(MODELS[name], weights=RANDOM)
    expected, _ = evaluate(SPEC, PARAMS, subject_of(spec), images)
    outcomes, _ = evaluate(
        SPEC,
        PARAMS,
        subject_of(spec, pass_images=pass_images),
        images,
        cuts=cuts,
        batch_images=batch_images,
    )
    for name_, counts in expected[0].partial.sums.items():
        total = sum(outcome.partial.sums[name_] for outcome in outcomes)
        assert total.tolist() == counts.tolist()


def test_nothing_dropped_is_the_clean_accuracy_at_every_site(
    images: MemorySet, tiny_vit: Subject
) -> None:
    _, rows = evaluate(SPEC, PARAMS, tiny_vit, images)
    logits = tiny_vit.logits(tiny_vit.to_device(pixels(images)))
    clean = 100 * np.mean(logits.argmax(1) == np.arange(23) % 10)
    undropped = [row for row in rows if row.condition["rate"] == 0 and row.metric == "top1"]
    assert [row.condition["site"] for row in undropped] == ["block 0", "block 1"]
    assert all(row.value == pytest.approx(clean) and row.runs == 1 for row in undropped)


def test_sites_are_those_the_model_has() -> None:
    def sites(name: str, **changes: object) -> list[str]:
        conditions = SPEC.conditions(FeatureDropParams(**changes), MODELS[name])
        return list(dict.fromkeys(str(condition.values["site"]) for condition in conditions))

    assert sites("deit_b") == [f"block {block}" for block in (1, 3, 5, 7, 9, 11)]
    assert sites("pocket_deit") == ["block 1", "block 3", "block 5"]
    assert sites("pocket_deit_sin") == ["block 1", "block 3"]
    assert sites("resnet50") == [f"layer {layer}" for layer in range(1, 6)]
    assert sites("pocket_cnn") == [f"layer {layer}" for layer in range(1, 5)]
    with pytest.raises(InvalidInput, match="a block from 0 to 3 of pocket_deit_sin") as caught:
        sites("pocket_deit_sin", blocks=(4, 9))
    assert caught.value.field == "params.blocks"
    with pytest.raises(InvalidInput, match="a layer from 1 to 4") as caught:
        sites("pocket_cnn", layers=(5,))
    assert caught.value.field == "params.layers"


def test_who_takes_part() -> None:
    unfit = {name for name, spec in MODELS.items() if SPEC.supports(spec) is not None}
    assert unfit == {
        "dino_vit_s",
        "swin_t",
        "regnety_3_2gf",
        "vgg19",
        "densenet121",
        "squeezenet",
    }


def test_one_clean_pass_serves_all_sites() -> None:
    assert SPEC.forwards(PARAMS, TINY) == 1 + 2 * 2 * 2
    assert SPEC.forwards(FeatureDropParams(rates=(0.5,)), MODELS["resnet50"]) == 5


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"rates": [1.5]}, "params.rates"),
        ({"blocks": [-1]}, "params.blocks"),
        ({"layers": [0]}, "params.layers"),
        ({"rates": []}, "params.rates"),
        ({"rates": [0.5, 0.5]}, "params.rates"),
        ({"runs": 0}, "params.runs"),
    ],
)
def test_parameters_are_checked(values: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_params(SPEC, values)
    assert caught.value.field == field
