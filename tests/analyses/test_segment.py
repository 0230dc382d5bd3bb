import io

import numpy as np
import pytest
from PIL import Image

from ipvit.analyses.forward import AnalysisContext, AttentionQuery
from ipvit.analyses.parameters import SegmentParams
from ipvit.analyses.segment import segment, segmentation_view
from ipvit.attention.patches import patch_grid
from ipvit.errors import InvalidInput
from ipvit.images import DecodedImage
from ipvit.preprocessing import prepare
from ipvit.segmentation.mass_threshold import mass_threshold
from ipvit.segmentation.upsampling import upsample_masks
from tests.analyses.conftest import SPECS, Recorded

SHAPE = SegmentParams(["pocket_deit_shape"], token="shape", threshold=0.6, include_images=False)


def masks_of(forward: Recorded, threshold: float) -> np.ndarray:
    rows = forward.direct.submit(forward.requests[-1]).result().attention[1][0, :, 0]
    weights = patch_grid(rows, prefix_tokens=2, rows=8, cols=8).reshape(3, 64)
    return mass_threshold(weights, threshold).reshape(3, 8, 8)


def test_the_whole_image_is_seen_and_only_one_row_computed(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    answer = segment(photo, SHAPE, context)
    (request,) = forward.requests
    assert request.attention == AttentionQuery((1,), ("shape",))
    assert not request.logits
    view = segmentation_view(SPECS["pocket_deit_shape"].preprocessing)
    assert (view.resize_px, view.crop_px, view.squash) == (32, 32, True)
    assert np.array_equal(request.images, prepare(photo.image, view)[None])
    assert answer["models"][0]["protocol"].startswith("resize to 32x32 px")
    assert (answer["token"], answer["threshold"]) == ("shape", 0.6)


def test_coverage_is_the_share_of_patches_over_the_mass_threshold(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    (model,) = segment(photo, SHAPE, context)["models"]
    expected = masks_of(forward, 0.6).mean(axis=(1, 2))
    assert [entry["coverage"] for entry in model["heads"]] == expected.tolist()
    assert all(entry["jaccard"] is None for entry in model["heads"])
    assert model["jaccard"] is None
    assert model["chosen"]["head"] == 2
    assert "without ground truth" in model["chosen"]["why"]


def test_ground_truth_chooses_the_best_head(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    """The ground truth is what head 0 says, enlarged by 5 and 7.5: its index is 1."""
    segment(photo, SHAPE, context)
    masks = masks_of(forward, 0.6)
    ground_truth = np.zeros((40, 60), np.uint8)
    for y in range(40):
        for x in range(60):
            ground_truth[y, x] = 7 * masks[0, y * 8 // 40, x * 8 // 60]
    (model,) = segment(photo, SHAPE, context, ground_truth)["models"]
    assert model["heads"][0]["jaccard"] == 1
    assert model["chosen"] == {"head": 0, "why": "agrees best with the ground truth"}
    scores = model["jaccard"]
    assert (scores["best_head"], scores["best"], scores["fixed_head"]) == (0, 1, 2)
    assert scores["fixed"] == model["heads"][2]["jaccard"] < 1


def test_void_pixels_do_not_count(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    segment(photo, SHAPE, context)
    found = upsample_masks(masks_of(forward, 0.6), 40, 60)[1]
    ground_truth = np.where(found, 1, 255).astype(np.uint8)
    (model,) = segment(photo, SHAPE, context, ground_truth)["models"]
    assert model["heads"][1]["jaccard"] == 1


def test_ground_truth_of_another_size_is_refused(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    with pytest.raises(InvalidInput, match="size, 60x40 px, got 40x60 px") as caught:
        segment(photo, SHAPE, context, np.ones((60, 40), np.uint8))
    assert caught.value.field == "ground_truth"


def test_pictures_are_only_drawn_when_asked(
    photo: DecodedImage, context: AnalysisContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = SegmentParams(["pocket_deit", "deit_t_patch38"])
    answer = segment(photo, params, context)
    for model in answer["models"]:
        assert model["overlay"].startswith("data:image/png;base64,")
        assert all(e["mask"].startswith("data:image/png;base64,") for e in model["heads"])
    monkeypatch.setattr("ipvit.analyses.segment.Display", None)
    (model,) = segment(photo, SHAPE, context)["models"]
    assert "overlay" not in model
    assert all("mask" not in entry for entry in model["heads"])


def test_the_composite_is_one_png(photo: DecodedImage, context: AnalysisContext) -> None:
    picture = segment(photo, SHAPE, context, composite=True)
    assert isinstance(picture, bytes)
    assert Image.open(io.BytesIO(picture)).format == "PNG"
