import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipvit.experiments.accuracy import Tally, accuracy_rows, label_ranks
from ipvit.experiments.experiment import Condition
from tests.experiments.toys import TOY


def test_ranks_by_hand() -> None:
    logits = np.array([[1, 3, 2], [1, 3, 2], [1, 3, 2]], np.float32)
    assert label_ranks(logits, np.array([1, 2, 0])).tolist() == [0, 1, 2]


def test_of_equal_logits_the_smaller_index_wins() -> None:
    logits = np.zeros((3, 3), np.float32)
    assert label_ranks(logits, np.array([0, 1, 2])).tolist() == [0, 1, 2]


def test_no_label_and_no_number_are_wrong() -> None:
    logits = np.array([[np.nan, np.nan], [1, 0]], np.float32)
    assert label_ranks(logits, np.array([0, -1])).tolist() == [2, 2]


@given(
    logits=arrays.arrays(np.float32, (6, 7), elements=st.integers(-3, 3).map(float)),
    labels=arrays.arrays(np.int64, 6, elements=st.integers(0, 6)),
)
def test_ranks_are_places_in_a_stable_sort(logits: np.ndarray, labels: np.ndarray) -> None:
    order = np.argsort(-logits, axis=1, kind="stable")
    expected = [
        int(np.flatnonzero(row == label)[0]) for row, label in zip(order, labels, strict=True)
    ]
    assert label_ranks(logits, labels).tolist() == expected
    assert ((label_ranks(logits, labels) == 0) == (logits.argmax(1) == labels)).all()


def test_a_tally_by_condition_and_run() -> None:
    conditions = [Condition("a", {"x": 1}, runs=2), Condition("b", {"x": 2})]
    tally = Tally(conditions, np.array([0, 1]))
    logits = np.eye(8, dtype=np.float32)[:2]
    tally.count(0, 0, logits)
    tally.count(0, 1, logits[::-1])
    tally.count(1, 0, logits)
    assert tally.sums["top1"].tolist() == [[2, 0], [2, 0]]
    # Wrong by one place is among the five likeliest.
    assert tally.sums["top5"].tolist() == [[2, 2], [2, 0]]
    rows = accuracy_rows(conditions, tally.sums, 2, TOY)
    assert [(row.metric, row.value) for row in rows] == [
        ("top1", 50),
        ("top1", 100),
        ("top5", 100),
        ("top5", 100),
    ]
