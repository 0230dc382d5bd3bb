import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidGrid
from ipvit.grid import MAX_SIDE_CELLS, Grid

sides = st.integers(1, MAX_SIDE_CELLS)


@given(sides, sides)
def test_a_grid_is_written_and_read_rows_first(rows: int, cols: int) -> None:
    grid = Grid.parse(f"{rows}x{cols}")
    assert (grid.rows, grid.cols, grid.cells) == (rows, cols, rows * cols)
    assert str(grid) == f"{rows}x{cols}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "14",
        "x",
        "14x",
        "x14",
        "14X14",
        "14×14",
        "14*14",
        "14x14x14",
        " 14x14",
        "14x14\n",
        "14 x 14",
        "-1x4",
        "+4x4",
        "4.0x4",
        "4e0x4",
        "1_0x10",
        "٤x٤",  # digits to Python, not to us
        "0x0",
        "0x4",
        "4x0",
        "9999x1",
        "1x1025",
        "1" * 5000 + "x1",
    ],
)
def test_anything_else_is_no_grid(text: str) -> None:
    with pytest.raises(InvalidGrid, match="expected a grid") as refused:
        Grid.parse(text, field="grids")
    assert refused.value.field == "grids"
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(("rows", "cols"), [(0, 4), (4, 0), (-2, -2), (MAX_SIDE_CELLS + 1, 1)])
def test_a_grid_cannot_be_made_of_other_sides(rows: int, cols: int) -> None:
    with pytest.raises(InvalidGrid, match=f"got {rows}x{cols}") as refused:
        Grid(rows, cols)
    assert refused.value.field == "grid"


@given(sides, sides, st.integers(1, 50), st.integers(1, 50))
def test_a_grid_divides_what_is_made_of_its_cells(
    rows: int, cols: int, cell_height_px: int, cell_width_px: int
) -> None:
    grid = Grid(rows, cols)
    cell = grid.check_divides(rows * cell_height_px, cols * cell_width_px)
    assert cell == (cell_height_px, cell_width_px)


@pytest.mark.parametrize(
    ("grid", "height", "width"),
    [
        ("13x13", 224, 224),
        ("4x5", 224, 224),
        ("5x4", 224, 224),
        ("448x448", 224, 224),
        ("4x8", 32, 12),
        ("8x4", 12, 32),
    ],
)
def test_unequal_cells_are_refused(grid: str, height: int, width: int) -> None:
    with pytest.raises(InvalidGrid, match=rf"{height} px.*{width} px, got {grid}") as refused:
        Grid.parse(grid).check_divides(height, width, field="grid")
    assert refused.value.field == "grid"
