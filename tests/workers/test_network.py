import copy

import numpy as np
import pytest
import torch

from ipvit.analyses.forward import AttentionQuery
from ipvit.models.loading import build_model
from ipvit.models.normaliser import Normaliser
from ipvit.models.specs import MODELS
from tests.models.tiny import tiny
from workers.network import Network

LAST = AttentionQuery((1,), ("all",))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_answers_as_the_plain_network_does(name: str) -> None:
    spec = tiny(MODELS[name])
    module = build_model(spec).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, spec.input_px, spec.input_px))
    images = pixels.astype(np.uint8)
    normalise = Normaliser(spec.preprocessing, device=torch.device("cpu"), dtype=torch.float32)
    with torch.inference_mode():
        expected = module(normalise(torch.from_numpy(images))).numpy()
    _compare(Network(spec, copy.deepcopy(module), device="cpu", precision="fp32"), images, expected)
    _compare(Network(spec, module, device="cpu", precision="bf16"), images, expected)


def _compare(network: Network, images: np.ndarray, expected: np.ndarray) -> None:
    tolerance = (1e-4 if network.precision == "fp32" else 0.05) * np.ptp(expected)
    logits = network.forward(images, None, lane=0).logits
    np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance)
    if network.spec.has_attention:
        captured = network.forward(images, LAST, lane=0)
        np.testing.assert_allclose(captured.logits, expected, rtol=0, atol=tolerance)
        assert captured.attention[1].shape[1:3] == (
            network.spec.heads,
            captured.attention[1].shape[3],
        )
