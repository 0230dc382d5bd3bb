from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
import torch

from ipvit.errors import InvalidInput
from ipvit.experiments.block_accuracy import SPEC, BlockAccuracyParams, BlockTokens
from ipvit.experiments.subject import Subject
from ipvit.models.specs import MODELS
from tests.experiments.in_memory import MemorySet, Prepared, evaluate, subject_of
from tests.tiny_model import TINY

ALL = BlockAccuracyParams()


def by_condition(rows: list) -> dict[tuple[int, str], float]:
    return {(row.condition["block"], row.condition["token"]): row.value for row in rows}


def test_each_token_goes_through_norm_and_its_own_head(
    images: MemorySet, tiny_vit: Subject
) -> None:
    _, rows = evaluate(SPEC, ALL, tiny_vit, images)
    network = tiny_vit.module
    pixels = Prepared().read(0, 23, TINY.preprocessing).images
    labels = np.arange(23) % 10
    expected = {}
    with torch.inference_mode():
        tokens = tiny_vit.normalise(tiny_vit.to_device(pixels))
        tokens = network._pos_embed(network.patch_embed(tokens))
        for block in range(2):
            tokens = network.blocks[block](tokens)
            for token, head in (("cls", network.head), ("shape", network.head_dist)):
                position = 0 if token == "cls" else 1
                predicted = head(network.norm(tokens)[:, position]).argmax(1).numpy()
                expected[block, token] = 100 * np.mean(predicted == labels)
    assert by_condition(rows) == pytest.approx(expected)


def test_the_last_block_of_one_head_is_the_network(images: MemorySet) -> None:
    options = dict(TINY.architecture_options)
    spec = replace(
        TINY,
        name="tiny_one_head",
        architecture="timm:vit_tiny_patch16_224",
        architecture_options=MappingProxyType(options),
        prefix_tokens=1,
        tokens=("cls",),
    )
    subject = subject_of(spec)
    _, rows = evaluate(SPEC, ALL, subject, images)
    pixels = Prepared().read(0, 23, spec.preprocessing).images
    logits = subject.logits(subject.to_device(pixels))
    right = 100 * np.mean(logits.argmax(1) == np.arange(23) % 10)
    assert by_condition(rows)[1, "cls"] == pytest.approx(right)
    assert len(rows) == 2


@pytest.mark.parametrize(("cuts", "batch_images", "pass_images"), [((), 23, 23), ((1, 9), 4, 3)])
def test_counts_depend_on_no_cut(
    images: MemorySet,
    tiny_vit: Subject,
    cuts: tuple[int, ...],
    batch_images: int,
    pass_images: int,
) -> None:
    _, expected = evaluate(SPEC, ALL, tiny_vit, images)
    subject = subject_of(TINY, pass_images=pass_images)
    _, rows = evaluate(SPEC, ALL, subject, images, cuts=cuts, batch_images=batch_images)
    assert rows == expected


def test_hooks_are_released_and_logits_unchanged(tiny_vit: Subject) -> None:
    network = tiny_vit.module
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = network(images)
        with BlockTokens(network) as seen:
            assert torch.equal(network(images), expected)
    assert [tokens.shape for tokens in seen.tokens] == [(2, 2, 32)] * 2
    assert not any(block._forward_hooks for block in network.blocks)
    with pytest.raises(ZeroDivisionError), BlockTokens(network):
        raise ZeroDivisionError
    assert not any(block._forward_hooks for block in network.blocks)


def test_conditions_are_what_the_model_has() -> None:
    def names(name: str, **changes: object) -> list[str]:
        return [c.name for c in SPEC.conditions(BlockAccuracyParams(**changes), MODELS[name])]

    assert names("deit_t") == [f"cls/{block}" for block in range(12)]
    assert names("deit_t_sin_dist", blocks=(8, 11)) == ["cls/8", "cls/11", "shape/8", "shape/11"]
    assert names("pocket_deit_sin", blocks=(1, 11)) == ["cls/1"]
    for changes, field in (({"blocks": (12,)}, "blocks"), ({"tokens": ("shape",)}, "tokens")):
        with pytest.raises(InvalidInput) as caught:
            names("deit_t", **changes)
        assert caught.value.field == f"params.{field}"


def test_who_takes_part() -> None:
    assert SPEC.supports(MODELS["pocket_deit"]) is None
    assert "class token" in (SPEC.supports(MODELS["resnet50"]) or "")
    assert "head" in (SPEC.supports(MODELS["dino_vit_s"]) or "")


def test_a_head_that_pools_is_refused(images: MemorySet) -> None:
    options = {**TINY.architecture_options, "global_pool": "avg"}
    spec = replace(
        TINY,
        architecture="timm:vit_tiny_patch16_224",
        architecture_options=MappingProxyType(options),
        prefix_tokens=1,
        tokens=("cls",),
    )
    with pytest.raises(InvalidInput, match="pools by avg"):
        evaluate(SPEC, ALL, subject_of(spec), images)
