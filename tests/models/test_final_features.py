from dataclasses import replace

import pytest
import torch
from torch import nn

from ipvit.errors import CaptureMismatch
from ipvit.models.cpu_layout import lay_out_for_cpu
from ipvit.models.final_features import FinalFeatures
from ipvit.models.loading import build_model
from ipvit.models.specs import MODELS
from tests.models.tiny import RANDOM
from tests.tiny_model import TINY

IMAGES = torch.randn(2, 3, 64, 64)


@pytest.mark.parametrize("token", [0, 1])
def test_the_token_feeds_its_head(token: int) -> None:
    model = build_model(TINY).eval()
    with torch.inference_mode(), FinalFeatures(model, token=token) as seen:
        model(IMAGES[..., :32, :32])
        tokens = model.forward_features(IMAGES[..., :32, :32])
    assert torch.equal(seen.features, tokens[:, token])


@pytest.mark.parametrize("name", ["pocket_cnn", "resnet50", "vgg19", "densenet121", "swin_t"])
def test_the_features_feed_the_classifier(name: str) -> None:
    spec = replace(MODELS[name], weights=RANDOM)
    model = build_model(spec).eval()
    images = IMAGES[..., :32, :32] if name == "pocket_cnn" else IMAGES
    with torch.inference_mode(), FinalFeatures(model, token=None) as seen:
        logits = model(images)
        classifier = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
        scale = 9 if name == "pocket_cnn" else 1
        assert torch.allclose(classifier(seen.features) / scale, logits, atol=1e-5)


def test_layers_packed_for_the_cpu_are_linear_too() -> None:
    spec = replace(MODELS["pocket_cnn"], weights=RANDOM)
    exact, packed = build_model(spec).eval(), build_model(spec).eval()
    lay_out_for_cpu(packed.to(torch.bfloat16), 32)
    images = IMAGES[..., :32, :32]
    with torch.inference_mode(), FinalFeatures(packed, token=None) as seen:
        packed(images.to(torch.bfloat16))
    with torch.inference_mode(), FinalFeatures(exact, token=None) as expected:
        exact(images)
    assert seen.features.shape == (2, 256)
    assert torch.allclose(seen.features.float(), expected.features, rtol=0.1, atol=0.05)


def test_hooks_are_released_and_logits_unchanged() -> None:
    model = build_model(TINY).eval()
    with torch.inference_mode():
        expected = model(IMAGES[..., :32, :32])
        with FinalFeatures(model, token=0):
            assert torch.equal(model(IMAGES[..., :32, :32]), expected)
    assert not model.norm._forward_hooks


def test_a_model_that_was_not_run_is_an_error() -> None:
    model = build_model(TINY)
    with pytest.raises(CaptureMismatch, match="was the model run"), FinalFeatures(model, token=0):
        pass
    assert not model.norm._forward_hooks


def test_a_network_without_them_is_an_error() -> None:
    model = nn.Conv2d(3, 3, 1)
    for token, expected in ((0, "final norm"), (None, "linear classifier")):
        with (
            pytest.raises(CaptureMismatch, match=f"{expected}, got Conv2d"),
            FinalFeatures(model, token=token),
        ):
            pytest.fail("entered")
