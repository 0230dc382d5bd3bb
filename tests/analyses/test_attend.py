import io

import numpy as np
import pytest
from PIL import Image

from ipvit.analyses.attend import attend
from ipvit.analyses.forward import AnalysisContext, AttentionQuery, ForwardRequest
from ipvit.analyses.parameters import AttentionParams
from ipvit.images import DecodedImage
from tests.analyses.conftest import Recorded

SHAPE = ["pocket_deit_shape"]


def whole(forward: Recorded) -> dict[int, np.ndarray]:
    """Attention of all tokens to all, for the image of the last request."""
    request = forward.requests[-1]
    query = AttentionQuery((0, 1), ("all",))
    result = forward.direct.submit(ForwardRequest(request.model, request.images, query)).result()
    return {layer: maps[0].astype(np.float64) for layer, maps in result.attention.items()}


def test_only_the_last_block_and_the_token_asked_are_captured(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = attend(photo, AttentionParams(SHAPE, token="shape"), context)
    (request,) = forward.requests
    assert request.attention == AttentionQuery((1,), ("shape",))
    assert not request.logits
    (model,) = answer["models"]
    assert (model["grid"], model["layers"], model["heads"]) == ("8x8", 2, 3)
    assert [(entry["layer"], entry["head"]) for entry in model["maps"]] == [(1, 0), (1, 1), (1, 2)]
    assert (answer["method"], answer["token"]) == ("raw", "shape")


@pytest.mark.parametrize(("token", "position"), [("cls", 0), ("shape", 1)])
def test_weights_are_the_tokens_row_without_the_prefix(
    photo: DecodedImage,
    context: AnalysisContext,
    forward: Recorded,
    token: str,
    position: int,
) -> None:
    answer = attend(photo, AttentionParams(SHAPE, layers=(0, -1), token=token), context)
    expected = whole(forward)
    for entry in answer["models"][0]["maps"]:
        row = expected[entry["layer"]][entry["head"], position]
        weights = np.array(entry["weights"])
        assert weights.shape == (8, 8)
        assert weights.sum() == pytest.approx(1)
        assert entry["patch_mass"] == pytest.approx(row[2:].sum())
        np.testing.assert_allclose(weights.ravel(), row[2:] / row[2:].sum(), rtol=1e-5)


def test_layers_and_heads_come_once_in_the_order_asked(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    params = AttentionParams(["pocket_deit"], layers=(-1, 0, 1), heads=(2, 0, 2))
    maps = attend(photo, params, context)["models"][0]["maps"]
    assert [(entry["layer"], entry["head"]) for entry in maps] == [(1, 2), (1, 0), (0, 2), (0, 0)]


def test_a_rollout_is_the_product_of_mean_attention_and_residual(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = attend(photo, AttentionParams(SHAPE, method="rollout", token="shape"), context)
    (entry,) = answer["models"][0]["maps"]
    maps = whole(forward)
    first, last = (maps[layer].mean(axis=0) + np.eye(66) for layer in (0, 1))
    row = (last @ first)[1] / 4
    assert (entry["layer"], entry["head"]) == (1, None)
    assert entry["patch_mass"] == pytest.approx(row[2:].sum())
    np.testing.assert_allclose(np.ravel(entry["weights"]), row[2:] / row[2:].sum(), rtol=1e-5)


def test_a_rollout_up_to_an_early_layer_runs_no_further(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    attend(photo, AttentionParams(["pocket_deit"], layers=(0,), method="rollout"), context)
    assert forward.requests[0].attention == AttentionQuery((0,), ("all",))


def test_a_model_that_cuts_the_image_off_has_its_own_grid(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    (model,) = attend(photo, AttentionParams(["deit_t_patch38"]), context)["models"]
    assert model["grid"] == "5x5"
    assert np.shape(model["maps"][0]["weights"]) == (5, 5)


def test_pictures(photo: DecodedImage, context: AnalysisContext) -> None:
    params = AttentionParams(["pocket_deit", "dino_vit_s"])
    answer = attend(photo, params, context)
    for model in answer["models"]:
        assert model["original"].startswith("data:image/png;base64,")
        assert all(e["overlay"].startswith("data:image/png;base64,") for e in model["maps"])
    picture = attend(photo, params, context, composite=True)
    assert isinstance(picture, bytes)
    assert Image.open(io.BytesIO(picture)).format == "PNG"
