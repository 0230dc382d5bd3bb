"""The model under test, as experiments run it: perturb uint8 images, then normalise and forward."""

from typing import Protocol

__all__ = ["Pace", "Subject"]


class Pace(Protocol):
    """Decides how fast an evaluation goes; asked before every forward pass."""

    def next_batch(self) -> int:
        """How many images the next forward pass may have; may wait, raises to stop."""
        ...


class Subject:
    """A loaded model in evaluation mode."""
