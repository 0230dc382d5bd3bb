import io

import numpy as np
import pytest
from PIL import Image

from ipvit.analyses.forward import AnalysisContext
from ipvit.analyses.parameters import ShuffleParams
from ipvit.analyses.shuffle import shuffle
from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.perturbations.patch_shuffle import shuffle_permutation, unshuffle_patches
from tests.analyses.conftest import Recorded

DEIT = ["pocket_deit"]


def test_each_grid_and_seed_is_a_permutation_of_cells(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    params = ShuffleParams(DEIT, grids=("2x4", "16x16"), seeds=(1, 2), include_images=False)
    answer = shuffle(photo, params, context)
    (request,) = forward.requests
    clean, *variants = request.images
    results = answer["models"][0]["results"]
    asked = [(entry["grid"], entry["seed"], entry["cells"]) for entry in results]
    assert asked == [("2x4", 1, 8), ("2x4", 2, 8), ("16x16", 1, 256), ("16x16", 2, 256)]
    for variant, entry in zip(variants, results, strict=True):
        grid = Grid.parse(entry["grid"])
        permutation = shuffle_permutation(grid, seed=entry["seed"])
        assert np.array_equal(unshuffle_patches(variant, permutation, grid), clean)
        assert not np.array_equal(variant, clean)
        assert "image" not in entry


def test_one_cell_changes_nothing(photo: DecodedImage, context: AnalysisContext) -> None:
    answer = shuffle(photo, ShuffleParams(DEIT, grids=("1x1",)), context)
    (model,) = answer["models"]
    assert model["results"][0]["prediction_kept"]
    for changed, clean in zip(model["results"][0]["top"], model["clean"]["top"], strict=True):
        assert changed == clean | {"probability": pytest.approx(clean["probability"])}


def test_the_default_grid_is_the_models_own_and_the_rest_stays(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = shuffle(photo, ShuffleParams(["deit_t_patch38"]), context)
    assert answer["models"][0]["results"][0]["grid"] == "5x5"
    clean, shuffled = forward.requests[0].images
    assert np.array_equal(shuffled[:, 190:], clean[:, 190:])
    assert np.array_equal(shuffled[:, :, 190:], clean[:, :, 190:])
    assert not np.array_equal(shuffled, clean)


def test_pictures(photo: DecodedImage, context: AnalysisContext) -> None:
    params = ShuffleParams(DEIT, grids=("2x2", "4x4"))
    answer = shuffle(photo, params, context)
    images = [entry["image"] for entry in answer["models"][0]["results"]]
    assert all(image.startswith("data:image/png;base64,") for image in images)
    picture = shuffle(photo, params, context, composite=True)
    assert isinstance(picture, bytes)
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_without_positions_shuffled_patches_are_the_same_image(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    shuffle(photo, ShuffleParams(["pocket_deit_nopos"], seeds=(0, 1)), context)
    clean, *shuffled = forward.submit(forward.requests[0]).result().logits
    for logits in shuffled:
        np.testing.assert_allclose(logits, clean, atol=1e-5)
