import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipvit.experiments.experiment import Partial
from ipvit.experiments.partials import EMPTY, merge, pack_partial, unpack_partial

counts = arrays.arrays(np.int64, (2, 3), elements=st.integers(0, 2**40))


@st.composite
def partials(draw: st.DrawFn) -> Partial:
    images = draw(st.integers(1, 4))
    return Partial(images, {"right": draw(counts)})


@given(parts=st.lists(partials(), min_size=1, max_size=5), cut=st.integers(0, 5))
def test_merging_in_steps_is_merging_at_once(parts: list[Partial], cut: int) -> None:
    at_once = merge(parts)
    in_steps = merge([merge(parts[:cut]), merge(parts[cut:])])
    assert at_once.images == in_steps.images == sum(part.images for part in parts)
    np.testing.assert_array_equal(at_once.sums["right"], in_steps.sums["right"])


@given(part=partials())
def test_bytes_and_back(part: Partial) -> None:
    back = unpack_partial(pack_partial(part))
    assert back.images == part.images
    np.testing.assert_array_equal(back.sums["right"], part.sums["right"])
    assert back.sums["right"].dtype == np.int64


def test_nothing_is_nothing() -> None:
    assert merge([]).images == 0
    back = unpack_partial(pack_partial(EMPTY))
    assert (back.images, dict(back.sums)) == (0, {})
    part = Partial(1, {"right": np.ones(2, np.int64)})
    assert merge([EMPTY, part, EMPTY]).sums["right"].tolist() == [1, 1]


def test_parts_of_different_arrays_are_refused() -> None:
    left = Partial(1, {"right": np.ones(2, np.int64)})
    with pytest.raises(ValueError, match="same arrays"):
        merge([left, Partial(1, {"left": np.ones(2, np.int64)})])


@pytest.mark.parametrize("data", [b"", b"nonsense", pack_partial(EMPTY)[:-30]])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="packed partial"):
        unpack_partial(data)


def test_objects_are_refused() -> None:
    """What a pickle could do is not found out."""
    part = Partial(1, {"right": np.array([object()])})
    with pytest.raises(ValueError, match="packed partial"):
        unpack_partial(pack_partial(part))
