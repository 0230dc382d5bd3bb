from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ipvit.errors import CaptureMismatch, InvalidInput
from ipvit.models.loading import build_model
from ipvit.models.model_spec import ModelSpec
from ipvit.models.specs import MODELS
from ipvit.perturbations.feature_drop import Site, feature_drop_mask
from ipvit.perturbations.feature_hook import FeatureDrop
from tests.tiny_model import TINY

KEYS = ["a.jpg", "b.jpg", "c.jpg"]
RESNET = replace(
    MODELS["resnet50"],
    name="tiny_resnet",
    architecture="timm:resnet18",
    architecture_options=MappingProxyType({"num_classes": 10, "in_chans": 3}),
)
IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def vit() -> nn.Module:
    return build_model(TINY).eval()


@pytest.fixture(params=["pocket_cnn", "resnet"])
def cnn(request: pytest.FixtureRequest) -> nn.Module:
    spec: ModelSpec = RESNET if request.param == "resnet" else MODELS["pocket_cnn"]
    return build_model(spec).eval()


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def hooks(model: nn.Module) -> int:
    """How many forward hooks of either kind the whole network has."""
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


def record_input(module: nn.Module) -> list[Tensor]:
    """What enters a module, after the hooks set before this one."""
    seen: list[Tensor] = []
    module.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].clone()))
    return seen


def test_the_drawn_patch_tokens_enter_a_block_as_zeros(vit: nn.Module) -> None:
    with FeatureDrop(vit, Site("block", 1), 0.5, seed=7, keys=KEYS):
        seen = record_input(vit.blocks[1])
        vit(IMAGES)
    (tokens,) = seen
    zeroed = (tokens == 0).all(dim=-1).numpy()
    for image, key in enumerate(KEYS):
        # 16 patches and 2 prefix tokens: ⌊0.5 · 18⌋ = 9.
        mask = feature_drop_mask(16, 0.5, Site("block", 1), prefix_tokens=2, seed=7, key=key)
        assert mask.sum() == 9
        assert zeroed[image].tolist() == [False, False, *mask.tolist()]


def test_the_drawn_positions_enter_a_layer_as_zeros(cnn: nn.Module) -> None:
    first = cnn.stages[1] if hasattr(cnn, "stages") else cnn.layer2
    before = record_input(first)
    cnn(IMAGES)
    height, width = before[0].shape[-2:]
    site = Site("layer", 2)
    with FeatureDrop(cnn, site, 0.5, seed=7, keys=KEYS):
        after = record_input(first)
        cnn(IMAGES)
    for image, key in enumerate(KEYS):
        mask = feature_drop_mask(height * width, 0.5, site, seed=7, key=key)
        kept = torch.from_numpy(~mask).view(height, width)
        assert torch.equal(after[0][image], before[0][image] * kept)


def test_the_last_layer_is_the_map_before_the_pooling(cnn: nn.Module) -> None:
    last = cnn.stages[-1] if hasattr(cnn, "stages") else cnn.layer4
    site = Site("layer", 4 if hasattr(cnn, "stages") else 5)
    with FeatureDrop(cnn, site, 1, seed=0, keys=KEYS):
        logits = cnn(IMAGES)
        bias = getattr(getattr(cnn, "fc", None), "bias", None)
    expected = torch.zeros(10) if bias is None else bias
    assert torch.allclose(logits, expected.expand(3, 10))
    assert not hooks(last)


def test_nothing_dropped_changes_no_logit(vit: nn.Module, cnn: nn.Module) -> None:
    for model, site in ((vit, Site("block", 0)), (cnn, Site("layer", 1))):
        clean = model(IMAGES)
        with FeatureDrop(model, site, 0, seed=0, keys=KEYS):
            assert torch.equal(model(IMAGES), clean)


def test_batches_of_any_size_draw_the_same(vit: nn.Module) -> None:
    site = Site("block", 0)
    with FeatureDrop(vit, site, 0.5, seed=0, keys=KEYS):
        whole = vit(IMAGES)
    with FeatureDrop(vit, site, 0.5, seed=0, keys=KEYS):
        parts = torch.cat([vit(IMAGES[:1]), vit(IMAGES[1:])])
    assert torch.allclose(whole, parts, atol=1e-6)


def test_the_hook_is_released(vit: nn.Module) -> None:
    clean = vit(IMAGES)
    with FeatureDrop(vit, Site("block", 1), 0.9, seed=0, keys=KEYS):
        assert hooks(vit) == 1
        assert not torch.allclose(vit(IMAGES), clean)
    assert hooks(vit) == 0
    assert torch.equal(vit(IMAGES), clean)


def test_the_hook_is_released_when_something_fails(vit: nn.Module) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        FeatureDrop(vit, Site("block", 1), 0.9, seed=0, keys=KEYS),
    ):
        raise ZeroDivisionError
    assert hooks(vit) == 0


@pytest.mark.parametrize("images", [2, 4])
def test_every_image_has_its_key(vit: nn.Module, images: int) -> None:
    batch = torch.zeros(images, 3, 32, 32)
    with (
        pytest.raises(CaptureMismatch, match="expected 3 images"),
        FeatureDrop(vit, Site("block", 1), 0.5, seed=0, keys=KEYS),
    ):
        vit(batch)
    assert hooks(vit) == 0


@pytest.mark.parametrize("site", [Site("block", 2), Site("layer", 1), Site("layer", 0)])
def test_a_site_must_exist(vit: nn.Module, site: Site) -> None:
    with (
        pytest.raises(InvalidInput, match=f"got {site} of"),
        FeatureDrop(vit, site, 0.5, seed=0, keys=KEYS),
    ):
        pytest.fail("entered")
    assert hooks(vit) == 0


def test_a_layer_must_exist(cnn: nn.Module) -> None:
    last = 4 if hasattr(cnn, "stages") else 5
    for index in (0, last + 1):
        with (
            pytest.raises(InvalidInput, match=f"got layer {index} of"),
            FeatureDrop(cnn, Site("layer", index), 0.5, seed=0, keys=KEYS),
        ):
            pytest.fail("entered")


def test_a_whole_loss_leaves_only_the_prefix(vit: nn.Module) -> None:
    with FeatureDrop(vit, Site("block", 0), 1, seed=0, keys=KEYS):
        logits = vit(IMAGES).numpy()
    # Without patches all images look alike.
    assert np.ptp(logits, axis=0) == pytest.approx(0, abs=1e-6)
