"""How fast an evaluation goes, and how it is stopped. Torch-free."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Pace", "SteadyPace", "Stopped"]


class Stopped(Exception):
    """An evaluation was told to stop; subclasses say why (cancelled, lease lost, …)."""


class Pace(Protocol):
    """Decides how fast an evaluation goes; asked before every forward pass."""

    def next_batch(self, most: int) -> int:
        """How many images the next forward pass may have, from 1 to `most`.

        May wait, to let more urgent work pass; raises a subclass of `Stopped` to end the
        evaluation.
        """
        ...


@dataclass(frozen=True)
class SteadyPace:
    """Never more than the same number of images."""

    batch_images: int = 64

    def next_batch(self, most: int) -> int:
        """`batch_images`, or what there is."""
        return min(self.batch_images, most)
