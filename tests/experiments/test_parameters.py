import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidInput, UnknownName
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.parameters import (
    changed_params,
    format_assignments,
    parse_assignments,
    read_params,
)
from ipvit.experiments.patch_drop import PatchDropParams

PATCH_DROP, PLACEMENT = EXPERIMENTS["patch-drop"], EXPERIMENTS["placement"]


def test_texts_become_parameters() -> None:
    params = parse_assignments(
        PATCH_DROP,
        ["ratios=0.1,0.5", "ratios=0.9", "modes=random,salient", "runs=3", "offset-px=8"],
    )
    assert params == PatchDropParams(
        ratios=(0.1, 0.5, 0.9), modes=("random", "salient"), runs=3, offset_px=8
    )


def test_none_is_no_value() -> None:
    assert parse_assignments(PLACEMENT, ["size_px=none"]) == PLACEMENT.parameters()
    assert parse_assignments(PATCH_DROP, ["saliency_model="]) == PatchDropParams()


@pytest.mark.parametrize(
    ("assignment", "field", "said"),
    [
        ("runs", "params", "name=value"),
        ("runs=0", "params.runs", "greater than or equal to 1"),
        ("runs=many", "params.runs", "many"),
        ("ratios=0.1,1.5", "params.ratios", "less than or equal to 1"),
        ("ratios=0.1,0.1", "params.ratios", "each once"),
        ("ratios=", "params.ratios", "at least 1"),
        ("grids=14", "params.grids", "14x14"),
        ("modes=randomly", "params.modes", "'random'"),
        ("offset_px=-1", "params.offset_px", "0"),
    ],
)
def test_wrong_values_name_their_field(assignment: str, field: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        parse_assignments(PATCH_DROP, [assignment])
    assert caught.value.field == field


def test_an_unknown_name_is_met_with_close_ones() -> None:
    with pytest.raises(UnknownName, match="ratios") as caught:
        read_params(PATCH_DROP, {"ratio": [0.5]})
    assert caught.value.field == "params.ratio"


@given(
    ratios=st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True),
    grids=st.lists(st.sampled_from(["model", "pixel", "4x4", "4x8"]), min_size=1, unique=True),
    runs=st.integers(1, 100),
    saliency_model=st.sampled_from([None, "dino_vit_s"]),
)
def test_texts_and_back(
    ratios: list[float], grids: list[str], runs: int, saliency_model: str | None
) -> None:
    params = PatchDropParams(
        ratios=tuple(ratios), grids=tuple(grids), runs=runs, saliency_model=saliency_model
    )
    assert parse_assignments(PATCH_DROP, format_assignments(params)) == params
    assert read_params(PATCH_DROP, params.model_dump(mode="json")) == params


def test_what_is_at_its_default_is_not_said() -> None:
    assert changed_params(PatchDropParams()) == {}
    assert changed_params(PatchDropParams(runs=2)) == {"runs": 2}
