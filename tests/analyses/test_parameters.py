import json
import math
from dataclasses import asdict

import pytest

from ipvit.analyses.parameters import (
    AttentionParams,
    OccludeParams,
    PredictParams,
    SegmentParams,
    ShuffleParams,
)
from ipvit.errors import InvalidInput, TokenUnavailable, UnknownName
from tests.analyses.conftest import SPECS

DEIT = ["pocket_deit"]
VALID = [
    PredictParams(DEIT),
    PredictParams([name for name in SPECS if SPECS[name].num_classes], top_k=10),
    OccludeParams(DEIT, ratios=(0, 0.5, 1), grid="32x32", offset_px=8, seeds=(0, 1)),
    OccludeParams(DEIT, mode="salient", saliency_model="dino_vit_s", saliency_head=1),
    OccludeParams(DEIT, ratios=[0.1] * 20, seeds=list(range(50)), include_images=False),
    ShuffleParams(["deit_t_patch22"], grids=("4x4", "10x10")),
    AttentionParams(DEIT, layers=(-1, 0), heads=(2,), method="rollout"),
    SegmentParams(["pocket_deit_shape"], token="shape"),
]


@pytest.mark.parametrize("params", VALID, ids=repr)
def test_valid_parameters_pass_and_travel_as_json(params) -> None:
    params.validate(SPECS)
    arrived = type(params)(**json.loads(json.dumps(asdict(params))))
    arrived.validate(SPECS)
    assert json.dumps(asdict(arrived)) == json.dumps(asdict(params))


INVALID = [
    ("model", PredictParams([])),
    ("model", PredictParams(["pocket_deit"] * 2)),
    ("model", PredictParams([*SPECS, *SPECS])),
    ("model", PredictParams(["dino_vit_s"])),
    ("top_k", PredictParams(DEIT, top_k=0)),
    ("top_k", PredictParams(DEIT, top_k=11)),
    ("top_k", PredictParams(DEIT, top_k=10**6)),
    ("mode", OccludeParams(DEIT, mode="best")),
    ("mask", OccludeParams(DEIT, mode="custom")),
    ("ratio", OccludeParams(DEIT, ratios=(-0.1,))),
    ("ratio", OccludeParams(DEIT, ratios=(1.1,))),
    ("ratio", OccludeParams(DEIT, ratios=(math.nan,))),
    ("ratio", OccludeParams(DEIT, ratios=())),
    ("ratio", OccludeParams(DEIT, ratios=[0.5] * 200)),
    ("ratio", OccludeParams(DEIT, ratios=[0.5] * 51, seeds=(0, 1))),
    ("ratio", OccludeParams(DEIT, ratios=[0.5] * 21, seeds=range(50), include_images=False)),
    ("seed", OccludeParams(DEIT, seeds=())),
    ("seed", OccludeParams(DEIT, seeds=(-1,))),
    ("seed", OccludeParams(DEIT, seeds=(2**63,))),
    ("seed", OccludeParams(DEIT, seeds=range(51))),
    ("grid", OccludeParams(DEIT, grid="0x0")),
    ("grid", OccludeParams(DEIT, grid="5x5")),
    ("grid", OccludeParams(["deit_t_patch22"], grid="13x13")),
    ("grid", OccludeParams(DEIT, grid="9999x1")),
    ("grid", OccludeParams(DEIT, grid="8")),
    ("offset_px", OccludeParams(DEIT, offset_px=-1)),
    ("offset_px", OccludeParams(DEIT, offset_px=32)),
    ("saliency_model", OccludeParams(DEIT, mode="salient", saliency_model="pocket_cnn")),
    ("saliency_head", OccludeParams(DEIT, "salient", saliency_model="dino_vit_s", saliency_head=9)),
    ("grid", ShuffleParams(DEIT, grids=("4x4", "5x5"))),
    ("seed", ShuffleParams(DEIT, seeds=())),
    ("grid", ShuffleParams(DEIT, grids=["4x4"] * 3, seeds=range(50))),
    ("model", AttentionParams(["pocket_cnn"])),
    ("layer", AttentionParams(DEIT, layers=())),
    ("layer", AttentionParams(DEIT, layers=(2,))),
    ("layer", AttentionParams(DEIT, layers=(-3,))),
    ("head", AttentionParams(DEIT, heads=(3,))),
    ("head", AttentionParams(DEIT, heads=(-1,))),
    ("method", AttentionParams(DEIT, method="gradient")),
    ("token", AttentionParams(DEIT, token="shape")),
    ("token", SegmentParams(DEIT, token="shape")),
    ("model", SegmentParams(["pocket_cnn"])),
    ("threshold", SegmentParams(DEIT, threshold=0)),
    ("threshold", SegmentParams(DEIT, threshold=1.01)),
    ("threshold", SegmentParams(DEIT, threshold=math.nan)),
]


@pytest.mark.parametrize(("field", "params"), INVALID, ids=repr)
def test_what_is_wrong_is_named(field: str, params) -> None:
    with pytest.raises(InvalidInput, match=r"expected .* got") as caught:
        params.validate(SPECS)
    assert caught.value.field == field


def test_a_shape_token_asked_of_a_model_without_one_is_its_own_error() -> None:
    with pytest.raises(TokenUnavailable, match="tokens of 'pocket_deit' \\(cls\\)"):
        SegmentParams(DEIT, token="shape").validate(SPECS)


@pytest.mark.parametrize(
    ("field", "params"),
    [
        ("model", PredictParams(["pocket_diet"])),
        ("saliency_model", OccludeParams(DEIT, mode="salient", saliency_model="pocket_diet")),
    ],
)
def test_close_names_are_offered(field: str, params) -> None:
    with pytest.raises(UnknownName, match="did you mean pocket_deit") as caught:
        params.validate(SPECS)
    assert caught.value.field == field


def test_a_custom_mask_needs_no_ratio() -> None:
    params = OccludeParams(DEIT, mode="custom")
    params.validate(SPECS, has_mask=True)
    assert params.effective_ratios == (None,)
    assert params.effective_seeds == (None,)
