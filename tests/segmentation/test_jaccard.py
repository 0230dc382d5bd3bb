import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipvit.errors import InvalidInput
from ipvit.segmentation.jaccard import BACKGROUND, VOID, best_and_fixed_head, jaccard

Mask = npt.NDArray[np.bool_]
GroundTruth = npt.NDArray[np.uint8]

pairs = arrays.array_shapes(min_dims=2, max_dims=2, max_side=6).flatmap(
    lambda shape: st.tuples(arrays.arrays(np.bool_, shape), arrays.arrays(np.bool_, shape))
)


def drawn(*rows: str) -> Mask:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def classes(*rows: str) -> GroundTruth:
    """Digits are classes, "." is background and "v" is void."""
    values = {".": BACKGROUND, "v": VOID}
    return np.array(
        [[values[pixel] if pixel in values else int(pixel) for pixel in row] for row in rows],
        dtype=np.uint8,
    )


class TestJaccard:
    @pytest.mark.parametrize(
        ("prediction", "truth", "valid", "score"),
        [
            (drawn("##", ".."), drawn("#.", "#."), None, 1 / 3),
            (drawn("##", "##"), drawn("#.", ".."), None, 1 / 4),
            (drawn("##", ".."), drawn("..", "##"), None, 0),
            (drawn("##", "#."), drawn("##", "#."), None, 1),
            (drawn("..", ".."), drawn("..", ".."), None, 1),
            (drawn("..", ".."), drawn("#.", ".."), None, 0),
            (drawn("##", "##"), drawn("#.", ".."), drawn("##", ".."), 1 / 2),
            (drawn("##", "##"), drawn("#.", ".."), drawn("#.", ".."), 1),
            (drawn("##", "##"), drawn("#.", ".."), drawn("..", ".."), 1),
        ],
    )
    def test_by_hand(self, prediction: Mask, truth: Mask, valid: Mask | None, score: float) -> None:
        assert jaccard(prediction, truth, valid) == pytest.approx(score)

    @given(pairs)
    def test_it_is_the_share_of_pixels_in_both(self, pair: tuple[Mask, Mask]) -> None:
        one, other = ({*zip(*np.nonzero(mask), strict=True)} for mask in pair)
        expected = len(one & other) / len(one | other) if one | other else 1
        assert jaccard(*pair) == expected
        assert jaccard(*pair[::-1]) == expected

    def test_other_shapes_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"prediction \(1, 4\) and truth \(4, 1\)"):
            jaccard(np.ones((1, 4), dtype=np.bool_), np.ones((4, 1), dtype=np.bool_))


class TestHeads:
    def test_one_object_by_hand(self) -> None:
        truth = classes("11..", "11..")
        heads = np.stack([drawn("#...", "#..."), drawn("###.", "###."), drawn("....", "..##")])
        scores = best_and_fixed_head(heads, truth, fixed_head=0)
        assert scores.per_head == pytest.approx((2 / 4, 4 / 6, 0))
        assert (scores.best_head, scores.fixed_head) == (1, 0)
        assert scores.best == pytest.approx(4 / 6)
        assert scores.fixed == pytest.approx(2 / 4)
        assert scores.classes == (1,)

    def test_void_pixels_do_not_count_by_hand(self) -> None:
        truth = classes("11vv", "11..")
        heads = np.stack([drawn("####", "##.."), drawn("####", "####")])
        scores = best_and_fixed_head(heads, truth, fixed_head=1)
        assert scores.per_head == pytest.approx((1, 4 / 6))
        assert scores.fixed == pytest.approx(4 / 6)

    def test_several_objects_have_their_own_best_heads_by_hand(self) -> None:
        truth = classes("55.7", "55.7", "vvvv")
        left, right = drawn("##..", "##..", "##.."), drawn("...#", "....", "....")
        everything = np.ones_like(left)
        scores = best_and_fixed_head(np.stack([left, right, everything]), truth, fixed_head=2)
        # Class 5 has 4 px and class 7 has 2; of 8 px that are not void.
        assert scores.classes == (5, 7)
        assert scores.per_head == pytest.approx((1 / 2, 1 / 4, (4 / 8 + 2 / 8) / 2))
        assert scores.best_head == 0
        assert scores.best == pytest.approx((1 + 1 / 2) / 2)
        assert scores.fixed == pytest.approx(3 / 8)

    def test_absent_classes_are_left_out(self) -> None:
        truth = classes("33..", "....")
        perfect = drawn("##..", "....")[np.newaxis]
        scores = best_and_fixed_head(perfect, truth, fixed_head=0)
        assert scores.classes == (3,)
        assert scores.best == scores.fixed == 1

    def test_the_first_of_equal_heads_is_the_best(self) -> None:
        truth = classes("1.")
        same = drawn("#.")
        assert best_and_fixed_head(np.stack([~same, same, same]), truth, 0).best_head == 1

    @given(
        arrays.arrays(np.bool_, (3, 4, 5)),
        arrays.arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 1, 2, 20, 255])),
        st.integers(0, 2),
    )
    def test_they_agree_with_sets_of_pixels(
        self, heads: Mask, truth: GroundTruth, fixed_head: int
    ) -> None:
        present = sorted({int(value) for value in truth.flat} - {0, 255})
        assume(present)
        pixels = [*np.ndindex(truth.shape)]
        table = []
        for head in heads:
            found = {place for place in pixels if head[place] and truth[place] != 255}
            objects = [{place for place in pixels if truth[place] == value} for value in present]
            table.append([len(found & thing) / len(found | thing) for thing in objects])
        scores = best_and_fixed_head(heads, truth, fixed_head)
        means = [sum(row) / len(row) for row in table]
        columns = [max(column) for column in zip(*table, strict=True)]
        assert scores.classes == tuple(present)
        assert scores.per_head == pytest.approx(tuple(means))
        assert scores.best == pytest.approx(sum(columns) / len(columns))
        assert scores.fixed == pytest.approx(means[fixed_head])
        assert scores.best >= scores.per_head[scores.best_head] - 1e-12
        assert scores.per_head[scores.best_head] == max(scores.per_head)


class TestRefusals:
    @pytest.mark.parametrize("pixel", [".", "v"])
    def test_ground_truth_without_an_object(self, pixel: str) -> None:
        with pytest.raises(InvalidInput, match="at least one class") as refused:
            best_and_fixed_head(np.ones((1, 1, 2), dtype=np.bool_), classes(pixel * 2), 0)
        assert refused.value.field == "ground_truth"

    @pytest.mark.parametrize("shape", [(2, 2), (1, 2, 3), (1, 3, 2)])
    def test_masks_of_another_size(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"expected masks \(heads, 2, 2\)"):
            best_and_fixed_head(np.ones(shape, dtype=np.bool_), classes("1.", ".."), 0)

    @pytest.mark.parametrize("head", [-1, 3])
    def test_a_head_that_is_not_there(self, head: int) -> None:
        with pytest.raises(ValueError, match=f"expected a head from 0 to 2, got {head}"):
            best_and_fixed_head(np.ones((3, 1, 2), dtype=np.bool_), classes("1."), head)
