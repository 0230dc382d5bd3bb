"""Reading ahead, leaving out what cannot be read, and stopping."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import RangeOutcome, evaluate_range
from ipvit.experiments.experiment import Evaluation
from ipvit.experiments.pace import Stopped
from ipvit.experiments.patch_drop import PatchDropParams
from ipvit.preprocessing import Preprocessing
from tests.experiments.toys import (
    ArrayPixels,
    ArraySet,
    CountsVisible,
    random_set,
    toy_evaluation,
)

SPEC = EXPERIMENTS["patch-drop"]
PARAMS = PatchDropParams(ratios=(0.5,), runs=1)
DEADLINE_S = 20


def run(dataset: ArraySet, evaluation: Evaluation | None = None, **how: object) -> RangeOutcome:
    return evaluate_range(
        SPEC,
        PARAMS,
        dataset,
        0,
        len(dataset),
        evaluation=evaluation or toy_evaluation(CountsVisible()),
        **{"pixels": dataset, "labels_map": np.arange(8), "batch_images": 4, **how},  # type: ignore[arg-type]
    )


def test_broken_images_are_left_out_and_reported() -> None:
    outcome = run(random_set(10, broken=frozenset({0, 5, 9})))
    assert outcome.partial.images == 7
    assert outcome.failed == [
        {"path": "000.png", "error": "broken"},
        {"path": "005.png", "error": "broken"},
        {"path": "009.png", "error": "broken"},
    ]
    # Two visible cells: label 2 is right, and only position 2 has it.
    assert outcome.partial.sums["top1"].tolist() == [[1]]


def test_a_range_of_broken_images_only() -> None:
    outcome = run(random_set(3, broken=frozenset({0, 1, 2})))
    assert outcome.partial.images == 0
    assert len(outcome.failed) == 3


def test_an_empty_range() -> None:
    outcome = run(random_set(0))
    assert (outcome.partial.images, outcome.failed) == (0, [])


def test_progress_counts_images_left_out() -> None:
    seen: list[int] = []
    run(random_set(10, broken=frozenset({1})), on_progress=seen.append)
    assert seen == [4, 8, 10]


def test_labels_of_the_data_set_become_the_models() -> None:
    dataset = ArraySet(random_set(4).images, [0, 1, 2, 3])
    outcome = run(dataset, labels_map=np.array([2, 2, 7, 2, 0, 0, 0, 0]))
    assert outcome.partial.sums["top1"].tolist() == [[3]]


@dataclass
class Gate:
    """A pixel source that lets go of a batch when told, and notes what was asked for."""

    dataset: ArraySet
    open: threading.Event = field(default_factory=threading.Event)
    asked: list[int] = field(default_factory=list)

    def read(self, start: int, stop: int, preprocessing: Preprocessing) -> ArrayPixels:
        self.asked.append(start)
        assert start == 0 or self.open.wait(DEADLINE_S)
        return self.dataset.read(start, stop, preprocessing)


def test_the_next_batches_are_read_while_the_network_computes() -> None:
    dataset = random_set(12)
    gate = Gate(dataset)

    @dataclass
    class Opening:
        """Opens the gate once the first batch is computed."""

        def next_batch(self, most: int) -> int:
            gate.open.set()
            return min(4, most)

    outcome = run(dataset, toy_evaluation(CountsVisible(), pace=Opening()), pixels=gate)
    assert outcome.partial.images == 12
    assert gate.asked == [0, 4, 8]


class Cancelled(Stopped):
    pass


@dataclass
class StopsAfter:
    passes: int

    def next_batch(self, most: int) -> int:
        self.passes -= 1
        if self.passes < 0:
            raise Cancelled
        return min(2, most)


def test_stopping_does_not_wait_for_images_nobody_needs() -> None:
    """The second batch never comes; the evaluation ends all the same."""
    dataset = random_set(12)
    gate = Gate(dataset)
    try:
        with pytest.raises(Cancelled):
            run(dataset, toy_evaluation(CountsVisible(), pace=StopsAfter(1)), pixels=gate)
    finally:
        gate.open.set()


def test_the_pace_is_asked_before_every_forward_pass() -> None:
    dataset = random_set(8)
    pace = StopsAfter(4)
    run(dataset, toy_evaluation(CountsVisible(), pace=pace))
    assert pace.passes == 0  # 8 images, one condition, 2 images a pass


def test_what_reading_raises_is_raised() -> None:
    class Failing:
        def read(self, start: int, stop: int, preprocessing: Preprocessing) -> ArrayPixels:
            raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="on fire"):
        run(random_set(8), pixels=Failing())


def test_masks_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    """Segmentation, the only one to read masks, leaves out the image whose mask is broken."""
    from tests.experiments.in_memory import MemorySet, Prepared, subject_of
    from tests.tiny_model import TINY

    dataset = MemorySet(tmp_path, 4)
    (tmp_path / "1.png").write_bytes(b"no mask")
    (tmp_path / "2.png").unlink()
    subject = subject_of(TINY)
    experiment = EXPERIMENTS["segmentation"]
    outcome = evaluate_range(
        experiment,
        experiment.parameters(),
        dataset,
        0,
        4,
        evaluation=Evaluation(TINY, subject, lambda name: subject, None, 0),
        pixels=Prepared(),
        batch_images=3,
    )
    assert [entry["path"] for entry in outcome.failed] == ["images/001.png", "images/002.png"]
    assert outcome.partial.images == 2
