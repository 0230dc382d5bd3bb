"""Dropping patches of a batch, condition by condition, as cheaply as can be.

The masks of a run are one draw of ranks an image, laid over the pixels once; a ratio is then a
comparison and a product of bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ipvit.experiments.experiment import Condition, Evaluation, ImageBatch
from ipvit.experiments.saliency import measure_saliencies
from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import (
    drop_count,
    non_salient_drop_mask,
    random_drop_ranks,
    salient_drop_mask,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ipvit.analyses.saliency import Saliency

__all__ = ["Answer", "Drop", "Dropping", "Mode"]

Mode = Literal["random", "salient", "non_salient"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network says of a batch under one condition.

    index: of the condition among those asked. cells: dropped, all images together.
    logits: (n, classes).
    """

    index: int
    run: int
    cells: int
    logits: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Drop:
    """One condition: `ratio` of `grid`, laid over the first `area_px` px of the input."""

    mode: Mode
    grid: Grid
    area_px: int
    offset_px: int
    ratio: float
    asked_runs: int

    @property
    def count(self) -> int:
        """Cells dropped in mode random."""
        return drop_count(self.ratio, self.grid.cells)

    @property
    def drops_nothing(self) -> bool:
        """Whether every image stays as it is."""
        if self.mode == "random":
            return self.count == 0
        # The lowest share of no mass may still be cells that got no attention at all.
        return self.mode == "salient" and self.ratio == 0

    @property
    def condition(self) -> Condition:
        """As results name it."""
        draws = self.mode == "random" and 0 < self.count < self.grid.cells
        return Condition(
            name=f"{self.mode}/{self.grid}/{self.ratio:g}",
            values={
                "mode": self.mode,
                "grid": str(self.grid),
                "offset_px": self.offset_px,
                "ratio": self.ratio,
            },
            runs=self.asked_runs if draws else 1,
        )


class Dropping:
    """One batch under the conditions of one mode and grid after the other."""

    def __init__(self, batch: ImageBatch, head: int | None, evaluation: Evaluation) -> None:
        self._batch, self._head, self._evaluation = batch, head, evaluation
        self._subject = evaluation.subject
        self._images = self._subject.to_device(batch.pixels(evaluation.spec.preprocessing))

    @cached_property
    def _clean(self) -> npt.NDArray[np.float32]:
        return self._subject.logits(self._images)

    @cached_property
    def _saliencies(self) -> "list[Saliency]":
        name = self._evaluation.saliency_model
        assert name is not None, "resolved by evaluate_range"
        return measure_saliencies(self._batch, name, self._head, self._evaluation)

    def answers(self, drops: Sequence[Drop]) -> Iterator[Answer]:
        """Every run of `drops`, which share mode and grid; conditions may come in any order."""
        for index, drop in enumerate(drops):
            if drop.drops_nothing:
                yield Answer(index, 0, 0, self._clean)
        dropping = [(i, drop) for i, drop in enumerate(drops) if not drop.drops_nothing]
        by_mode = self._random if drops[0].mode == "random" else self._salient
        if dropping:
            yield from by_mode(dropping)

    def _random(self, drops: Sequence[tuple[int, Drop]]) -> Iterator[Answer]:
        """One draw of ranks a run; each ratio compares them with its count."""
        grid = drops[0][1].grid
        for run in range(max(drop.condition.runs for _, drop in drops)):
            seed = self._evaluation.seed + run
            ranks = np.stack(
                [random_drop_ranks(grid, seed=seed, key=path) for path in self._batch.paths]
            )
            spread = self._spread(ranks.astype(np.int32), drops[0][1], rest=grid.cells)
            for index, drop in drops:
                if run < drop.condition.runs:
                    logits = self._drop(spread >= drop.count)
                    yield Answer(index, run, drop.count * len(self._batch.paths), logits)

    def _salient(self, drops: Sequence[tuple[int, Drop]]) -> Iterator[Answer]:
        drop = drops[0][1]
        spec = self._evaluation.spec
        choose = salient_drop_mask if drop.mode == "salient" else non_salient_drop_mask
        maps = [saliency.on_grid(spec, drop.grid, drop.area_px) for saliency in self._saliencies]
        for index, drop in drops:
            masks = np.stack([choose(attention, drop.ratio) for attention in maps])
            logits = self._drop(self._spread(~masks, drop, rest=True))
            yield Answer(index, 0, int(np.count_nonzero(masks)), logits)

    def _spread(
        self, cells: npt.NDArray[np.int32] | npt.NDArray[np.bool_], drop: Drop, *, rest: int
    ) -> "Tensor":
        import torch

        from ipvit.perturbations.on_tensors import spread_cells

        return spread_cells(
            torch.from_numpy(cells).to(self._images.device),
            self._images.shape[-1],
            area_px=drop.area_px,
            offset_px=drop.offset_px,
            rest=rest,
        )

    def _drop(self, kept: "Tensor") -> npt.NDArray[np.float32]:
        from ipvit.perturbations.on_tensors import drop_pixels

        return self._subject.logits(drop_pixels(self._images, kept))
