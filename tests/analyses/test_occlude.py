import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ipvit.analyses.answers import probabilities
from ipvit.analyses.forward import AnalysisContext, ForwardRequest
from ipvit.analyses.occlude import occlude
from ipvit.analyses.parameters import OccludeParams
from ipvit.attention.patches import patch_grid
from ipvit.errors import InvalidInput, WeightsUnavailable
from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from ipvit.preprocessing import matched, prepare
from tests.analyses.conftest import SPECS, Recorded

DEIT = ["pocket_deit"]


def numbers(**changes: object) -> OccludeParams:
    return OccludeParams(**{"models": DEIT, "include_images": False, **changes})


def test_every_ratio_and_seed_is_one_variant_of_one_request(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = occlude(photo, numbers(ratios=(0.0, 0.29, 1.0), seeds=(0, 3)), context)
    (request,) = forward.requests
    clean = prepare(photo.image, SPECS["pocket_deit"].preprocessing)
    assert np.array_equal(request.images[:2], [clean, clean])
    for image, (ratio, seed) in zip(
        request.images[1:], [(r, s) for r in (0.0, 0.29, 1.0) for s in (0, 3)], strict=True
    ):
        mask = random_drop_mask(Grid(8, 8), ratio, seed=seed)
        assert np.array_equal(image, drop_patches(clean, mask))
    results = answer["models"][0]["results"]
    assert [(entry["ratio"], entry["seed"]) for entry in results][2:4] == [(0.29, 0), (0.29, 3)]
    assert [entry["dropped_patches"] for entry in results] == [0, 0, 18, 18, 64, 64]
    assert [entry["information_loss"] for entry in results][3] == 18 / 64
    assert all(entry["patches"] == 64 for entry in results)
    assert all(entry["attention_mass"] is None for entry in results)
    assert (answer["mode"], answer["offset_px"], answer["saliency_model"]) == ("random", 0, None)


def test_results_are_compared_with_the_clean_prediction(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = occlude(photo, numbers(ratios=(0.0, 0.9), top_k=10), context)
    (model,) = answer["models"]
    shares = probabilities(forward.submit(forward.requests[0]).result().logits)
    clean = int(shares[0].argmax())
    assert model["clean"]["top"][0]["index"] == clean
    for entry, row in zip(model["results"], shares[1:], strict=True):
        assert entry["clean_class_probability"] == pytest.approx(row[clean], rel=1e-6)
        assert entry["prediction_kept"] == (row.argmax() == clean)
        assert entry["top"][0]["index"] == row.argmax()
    assert model["results"][0]["top"] == model["clean"]["top"]
    assert model["results"][0]["prediction_kept"]


def test_the_offset_moves_the_mask(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = occlude(photo, numbers(ratios=(1.0,), offset_px=3, grid="4x4"), context)
    dropped = forward.requests[0].images[1]
    assert not dropped[:, 3:, 3:].any()
    assert np.array_equal(dropped[:, :3], forward.requests[0].images[0][:, :3])
    assert answer["offset_px"] == 3
    assert answer["models"][0]["grid"] == "4x4"


def test_a_grid_of_patches_leaves_the_unseen_rest_alone(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = occlude(photo, numbers(models=["deit_t_patch22"], ratios=(1.0,)), context)
    assert answer["models"][0]["grid"] == "10x10"
    clean, dropped = forward.requests[0].images
    assert not dropped[:, :220, :220].any()
    assert np.array_equal(dropped[:, 220:], clean[:, 220:])
    assert np.array_equal(dropped[:, :, 220:], clean[:, :, 220:])


def test_pixels_can_be_dropped_one_by_one(photo: DecodedImage, context: AnalysisContext) -> None:
    answer = occlude(photo, numbers(grid="32x32", ratios=(0.5,)), context)
    assert answer["models"][0]["results"][0]["dropped_patches"] == 512


def saliency_map(forward: Recorded, head: int) -> np.ndarray:
    """The saliency request as it was made, evaluated once more."""
    request = forward.requests[0]
    spec = SPECS[request.model]
    row = forward.direct.submit(request).result().attention[spec.depth - 1][0, head, 0]
    grid = spec.grid
    return patch_grid(row, prefix_tokens=spec.prefix_tokens, rows=grid.rows, cols=grid.cols)


def test_salient_and_non_salient_split_the_patches(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    shape = numbers(saliency_model="pocket_deit_shape")
    for mass in (0.1, 0.25, 0.5, 0.9):
        forward.requests.clear()
        top = occlude(photo, replace(shape, mode="salient", ratios=(mass,)), context)
        rest = occlude(
            photo, replace(shape, mode="non_salient", ratios=(round(1 - mass, 2),)), context
        )
        (salient,), (other,) = (answer["models"][0]["results"] for answer in (top, rest))
        assert salient["dropped_patches"] + other["dropped_patches"] == 64
        assert salient["attention_mass"] + other["attention_mass"] == pytest.approx(1)
        assert salient["attention_mass"] >= mass - 1e-9
        masked, unmasked = (forward.requests[index].images[1] for index in (1, 3))
        clean = forward.requests[1].images[0]
        assert np.array_equal(np.maximum(masked, unmasked), clean)
        assert not np.minimum(masked, unmasked).any()


def test_the_saliency_models_shape_token_and_fixed_head_are_asked(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    params = numbers(mode="salient", saliency_model="pocket_deit_shape", ratios=(0.5,))
    answer = occlude(photo, params, context)
    saliency, target = forward.requests
    assert saliency.model == "pocket_deit_shape"
    assert saliency.attention is not None
    assert saliency.attention.layers == (1,)
    assert saliency.attention.queries == ("shape",)
    assert not saliency.logits
    weights = saliency_map(forward, head=2)
    result = answer["models"][0]["results"][0]
    kept = target.images[1].any(axis=0).reshape(8, 4, 8, 4).any(axis=(1, 3))
    assert result["attention_mass"] == pytest.approx(weights[~kept].sum())
    assert weights[~kept].min() >= weights[kept].max()
    assert (result["seed"], result["ratio"]) == (None, 0.5)


def test_another_head_can_be_asked(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    params = numbers(mode="salient", saliency_model="dino_vit_s", ratios=(0.5,), grid="4x4")
    masses = []
    for head in (None, 0, 1):
        answer = occlude(photo, replace(params, saliency_head=head), context)
        masses.append(answer["models"][0]["results"][0]["attention_mass"])
    assert masses[0] == masses[2] != masses[1]


def test_saliency_sees_the_region_the_model_sees(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    params = numbers(
        mode="salient",
        models=["pocket_deit", "pocket_cnn", "deit_t_patch22"],
        saliency_model="dino_vit_s",
    )
    answer = occlude(photo, params, context)
    dino = SPECS["dino_vit_s"].preprocessing
    expected = [
        prepare(photo.image, matched(dino, SPECS[name].preprocessing))
        for name in ("pocket_deit", "deit_t_patch22")
    ]
    assert np.array_equal(forward.requests[0].images, expected)
    assert len(forward.requests) == 4
    assert answer["saliency_model"] == "dino_vit_s"
    masses = [model["results"][0]["attention_mass"] for model in answer["models"]]
    assert all(0.5 <= mass <= 1 for mass in masses)


def test_the_default_saliency_model_is_the_first_that_is_here(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    params = numbers(mode="non_salient")
    assert occlude(photo, params, context)["saliency_model"] == "dino_vit_s"
    pocket = replace(context, is_ready=lambda name: name.startswith("pocket"))
    assert occlude(photo, params, pocket)["saliency_model"] == "pocket_deit_shape"
    configured = replace(context, saliency_model="pocket_deit")
    assert occlude(photo, params, configured)["saliency_model"] == "pocket_deit"
    none = replace(context, is_ready=lambda name: name == "pocket_deit")
    with pytest.raises(WeightsUnavailable, match="ipvit models pull dino_vit_s"):
        occlude(photo, params, none)


def test_a_configured_saliency_model_without_attention_is_refused(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    with pytest.raises(InvalidInput) as caught:
        occlude(photo, numbers(mode="salient"), replace(context, saliency_model="pocket_cnn"))
    assert caught.value.field == "saliency_model"


def test_a_painted_mask_of_one_pixel_a_cell_is_taken_as_it_is(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2, 5] = 255
    answer = occlude(photo, numbers(mode="custom", ratios=(0.3, 0.4)), context, mask)
    (result,) = answer["models"][0]["results"]
    assert (result["ratio"], result["seed"], result["dropped_patches"]) == (None, None, 1)
    changed = (forward.requests[0].images[0] != forward.requests[0].images[1]).any(axis=0)
    rows, cols = np.nonzero(changed)
    assert rows.min() >= 8
    assert rows.max() < 12
    assert cols.min() >= 20
    assert cols.max() < 24


def test_a_painted_mask_of_the_photos_size_is_cropped_with_it(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    """60 x 40 px: the model sees columns 10 to 49, whose left half is 10 to 29."""
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :30] = 255
    answer = occlude(photo, numbers(mode="custom"), context, mask)
    assert answer["models"][0]["results"][0]["dropped_patches"] == 32
    outside = np.full((40, 60), 255, np.uint8)
    outside[:, 10:50] = 0
    answer = occlude(photo, numbers(mode="custom"), context, outside)
    assert answer["models"][0]["results"][0]["dropped_patches"] == 0


def test_a_painted_mask_covers_what_a_cut_off_model_sees(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    mask = np.zeros((224, 224), np.uint8)
    mask[:, 110:220] = 1
    answer = occlude(photo, numbers(mode="custom", models=["deit_t_patch22"]), context, mask)
    assert answer["models"][0]["results"][0]["dropped_patches"] == 50


def test_pictures_are_only_drawn_when_asked(
    photo: DecodedImage, context: AnalysisContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = occlude(photo, numbers(include_images=True, ratios=(0.5, 0.6)), context)
    images = [entry["image"] for entry in answer["models"][0]["results"]]
    assert all(image.startswith("data:image/png;base64,") for image in images)
    assert images[0] != images[1]
    monkeypatch.setattr("ipvit.analyses.occlude.Display", None)
    answer = occlude(photo, numbers(), context)
    assert "image" not in answer["models"][0]["results"][0]


def test_the_composite_is_one_png(photo: DecodedImage, context: AnalysisContext) -> None:
    picture = occlude(photo, numbers(models=["pocket_deit", "pocket_cnn"]), context, composite=True)
    assert isinstance(picture, bytes)
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_all_models_are_submitted_before_any_is_waited_for(
    photo: DecodedImage, context: AnalysisContext, direct
) -> None:
    events: list[str] = []

    class Waited:
        def __init__(self, request: ForwardRequest) -> None:
            self.request = request

        def result(self):
            events.append(f"wait {self.request.model}")
            return direct.submit(self.request).result()

    class Observed:
        def submit(self, request: ForwardRequest) -> Waited:
            events.append(f"submit {request.model}")
            return Waited(request)

    observed = replace(context, forward=Observed())
    occlude(photo, numbers(models=["pocket_deit", "pocket_cnn"]), observed)
    assert events == [
        "submit pocket_deit",
        "submit pocket_cnn",
        "wait pocket_deit",
        "wait pocket_cnn",
    ]
