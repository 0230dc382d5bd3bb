"""Masks as text, to be read at a glance."""

import numpy as np
import numpy.typing as npt


def drawing(mask: npt.NDArray[np.bool_]) -> list[str]:
    """One line a row: "#" is dropped, "." is kept."""
    return ["".join(".#"[int(dropped)] for dropped in row) for row in mask]
