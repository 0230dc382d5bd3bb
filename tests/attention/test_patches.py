import numpy as np
import pytest

from ipvit.attention.patches import patch_grid, patch_mass
from ipvit.errors import CaptureMismatch

ROW = np.array([0.5, 0.25, 0.125, 0.0, 0.125], dtype=np.float32)


def test_patches_are_laid_out_and_renormalised() -> None:
    grid = patch_grid(ROW, prefix_tokens=1, rows=2, cols=2)
    assert grid.tolist() == [[0.5, 0.25], [0.0, 0.25]]
    assert grid.dtype == np.float64


def test_rows_come_before_columns_and_leading_axes_stay() -> None:
    rows = np.stack([ROW, ROW])[:, None]
    assert patch_grid(rows, prefix_tokens=2, rows=1, cols=3).shape == (2, 1, 1, 3)


def test_the_prefix_takes_its_share() -> None:
    assert patch_mass(ROW, prefix_tokens=1) == 0.5
    assert patch_mass(ROW, prefix_tokens=2) == 0.25


def test_a_wrong_number_of_patches_is_said() -> None:
    with pytest.raises(CaptureMismatch, match="expected 3x3 patches after 1 prefix tokens, got 4"):
        patch_grid(ROW, prefix_tokens=1, rows=3, cols=3)
