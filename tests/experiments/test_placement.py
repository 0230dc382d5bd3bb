import numpy as np
import pytest

from ipvit.errors import InvalidInput
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import evaluate_range
from ipvit.experiments.placement import PlacementParams
from ipvit.models.specs import MODELS
from tests.experiments.toys import TOY, ArraySet, FindsBright, toy_evaluation

SPEC = EXPERIMENTS["placement"]


def test_a_small_image_is_where_it_was_put() -> None:
    """White images of 2 x 2 px on 4 x 4 px: the bright quadrant is the corner."""
    dataset = ArraySet(np.full((8, 3, 4, 4), 255, np.uint8), [at % 8 for at in range(8)])
    params = PlacementParams(
        corners=("top-left", "top-right", "bottom-left", "bottom-right"), size_px=2
    )
    outcome = evaluate_range(
        SPEC,
        params,
        dataset,
        0,
        8,
        evaluation=toy_evaluation(FindsBright()),
        pixels=dataset,
        labels_map=np.arange(8),
    )
    # Label 0 is the top left quadrant, 1 the top right, …: each corner is right once.
    assert outcome.partial.sums["top1"].tolist() == [[1], [1], [1], [1]]
    rows = SPEC.rows(outcome.partial.sums, 8, params, TOY)
    assert [row.condition["size_px"] for row in rows[:4]] == [2, 2, 2, 2]


def test_the_papers_size() -> None:
    """128 of 224 px; the shorter side is resized to 146 px, so that the same region is seen."""
    whole, scaled = SPEC.preprocessings(PlacementParams(), MODELS["deit_t"], None)
    assert (whole.resize_px, whole.crop_px) == (256, 224)
    assert (scaled.resize_px, scaled.crop_px) == (146, 128)
    pocket = SPEC.preprocessings(PlacementParams(), MODELS["pocket_deit"], None)[1]
    assert (pocket.resize_px, pocket.crop_px) == (18, 18)


def test_only_what_is_needed_is_read() -> None:
    only_whole = PlacementParams(corners=("whole",))
    assert SPEC.preprocessings(only_whole, TOY, None) == (TOY.preprocessing,)
    only_corner = PlacementParams(corners=("top-left",), size_px=2)
    assert [view.crop_px for view in SPEC.preprocessings(only_corner, TOY, None)] == [2]


def test_the_whole_image_says_its_own_size() -> None:
    conditions = SPEC.conditions(PlacementParams(corners=("top-left", "whole")), MODELS["deit_t"])
    assert [condition.values["size_px"] for condition in conditions] == [128, 224]


def test_a_size_larger_than_the_input_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        SPEC.conditions(PlacementParams(size_px=5), TOY)
    assert caught.value.field == "params.size_px"
