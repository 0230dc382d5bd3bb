"""Jaccard similarities counted on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ipvit.errors import InvalidInput
from ipvit.segmentation.jaccard import best_and_fixed_head, jaccard

MASKS = arrays(np.bool_, (3, 4), elements=st.booleans())


def mask(*rows: str) -> np.ndarray:
    return np.array([[cell == "#" for cell in row] for row in rows])


TRUTH = np.array([[1, 1, 0], [1, 255, 0], [2, 2, 0]], dtype=np.uint8)
"""Three px of class 1, two of class 2, three of background, one void."""

HEADS = np.stack(
    [
        mask("##.", "##.", "..."),
        mask("...", "...", "##."),
        mask("###", "###", "###"),
        mask("...", ".#.", "..."),
    ]
)
"""IoU with class 1 and with class 2 over the eight valid px:
3/3 and 0/5, 0/5 and 2/2, 3/8 and 2/8, 0/3 and 0/2."""


def test_counted_on_a_2x2_grid() -> None:
    assert jaccard(mask("##", ".."), mask("#.", "#.")) == 1 / 3
    assert jaccard(mask("##", ".."), mask("##", "..")) == 1.0
    assert jaccard(mask("##", ".."), mask("..", "##")) == 0.0
    assert jaccard(mask("##", "##"), mask("#.", "..")) == 0.25


def test_two_empty_masks_are_equal() -> None:
    assert jaccard(mask("..", ".."), mask("..", "..")) == 1.0


def test_pixels_that_do_not_count_are_left_out() -> None:
    assert jaccard(mask("##", ".."), mask("#.", "#."), mask("##", "..")) == 1 / 2


@given(MASKS, MASKS, MASKS)
def test_it_is_symmetric_and_a_share(one: np.ndarray, other: np.ndarray, valid: np.ndarray) -> None:
    score = jaccard(one, other, valid)
    assert score == jaccard(other, one, valid)
    assert 0 <= score <= 1
    assert (score == 1) == np.array_equal(one & valid, other & valid)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"expected masks of one shape, got .*\(2, 2\).*\(1, 2\)"):
        jaccard(mask("##", "##"), mask("##"))


def test_best_and_fixed_heads_counted_by_hand() -> None:
    scores = best_and_fixed_head(HEADS, TRUTH, fixed_head=2)
    assert scores.classes == (1, 2)
    assert scores.per_head == (1 / 2, 1 / 2, (3 / 8 + 2 / 8) / 2, 0.0)
    assert scores.best_head == 0
    # Each class has its own best head: (3/3 + 2/2) / 2.
    assert scores.best == 1.0
    assert (scores.fixed_head, scores.fixed) == (2, 5 / 16)


def test_with_one_object_the_best_head_has_the_best_score() -> None:
    truth = np.where(TRUTH == 2, 0, TRUTH).astype(np.uint8)
    scores = best_and_fixed_head(HEADS, truth, fixed_head=1)
    assert scores.best == scores.per_head[scores.best_head] == 1.0
    assert scores.fixed == 0.0


def test_void_pixels_count_for_nobody() -> None:
    truth = np.array([[7, 255], [255, 255]], dtype=np.uint8)
    everywhere = np.ones((1, 2, 2), dtype=bool)
    assert best_and_fixed_head(everywhere, truth, fixed_head=0).fixed == 1.0


@pytest.mark.parametrize("value", [0, 255])
def test_ground_truth_needs_an_object(value: int) -> None:
    truth = np.full((2, 2), value, dtype=np.uint8)
    with pytest.raises(InvalidInput, match="at least one class") as error:
        best_and_fixed_head(np.ones((1, 2, 2), dtype=bool), truth, fixed_head=0)
    assert error.value.field == "ground_truth"


def test_sizes_and_heads_must_fit() -> None:
    with pytest.raises(ValueError, match=r"expected masks \(heads, 3, 3\), got \(4, 3, 2\)"):
        best_and_fixed_head(HEADS[..., :2], TRUTH, fixed_head=0)
    with pytest.raises(ValueError, match="expected a head from 0 to 3, got 4"):
        best_and_fixed_head(HEADS, TRUTH, fixed_head=4)
