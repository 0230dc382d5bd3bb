import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.models.specs import MODELS
from jobs.planner import (
    MAX_SHARDS,
    MIN_SHARD_IMAGES,
    MIN_SHARDS,
    ModelLoad,
    estimate,
    guess_forwards_per_s,
    plan_shards,
)

loads = st.lists(
    st.builds(
        ModelLoad,
        model=st.uuids().map(str),
        forwards=st.integers(1, 500),
        forwards_per_s=st.floats(0.01, 1e6),
        measured=st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda load: load.model,
)


@given(loads, st.integers(1, 100_000), st.floats(0.1, 1000))
def test_every_image_is_in_one_shard_of_each_model(
    load: list[ModelLoad], images: int, shard_s: float
) -> None:
    plan = plan_shards(load, images, shard_s)
    assert [shard.model for shard in plan] == sorted(
        (shard.model for shard in plan), key=[one.model for one in load].index
    )
    for one in load:
        shards = [shard for shard in plan if shard.model == one.model]
        assert (shards[0].start, shards[-1].stop) == (0, images)
        assert all(left.stop == right.start for left, right in pairwise(shards))
        sizes = [shard.stop - shard.start for shard in shards]
        assert min(sizes) >= 1
        assert max(sizes) - min(sizes) <= 1
        assert len(shards) <= MAX_SHARDS
        assert sum(shard.forwards for shard in shards) == images * one.forwards
    assert estimate(load, images, shard_s).shards == len(plan)


def one(forwards: int, forwards_per_s: float) -> list[ModelLoad]:
    return [ModelLoad("m", forwards, forwards_per_s, measured=True)]


def test_a_shard_takes_about_the_time_asked_for() -> None:
    # 10,000 images of 10 forwards at 100 a second are 1000 s: 33 shards of 30 s.
    assert len(plan_shards(one(10, 100), 10_000, 30)) == 33


def test_a_short_job_is_cut_so_that_its_curve_grows() -> None:
    assert len(plan_shards(one(1, 1e6), 400, 30)) == MIN_SHARDS


def test_few_images_are_not_cut_to_pieces() -> None:
    assert len(plan_shards(one(1, 1e6), MIN_SHARD_IMAGES, 30)) == 1


def test_the_estimate_adds_up() -> None:
    found = estimate([*one(10, 100), ModelLoad("n", 5, 50, measured=False)], 1000, 30)
    assert (found.images, found.forwards, found.basis) == (2000, 15_000, "guess")
    assert found.seconds == pytest.approx(1000 * 10 / 100 + 1000 * 5 / 50)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_guess(name: str) -> None:
    slow = guess_forwards_per_s(MODELS[name], device="cpu", cores=1)
    fast = guess_forwards_per_s(MODELS[name], device="cuda:0", cores=os.cpu_count() or 1)
    assert 0.1 < slow < fast < 10_000


def test_larger_models_are_guessed_to_be_slower() -> None:
    tiny, small, base = (
        guess_forwards_per_s(MODELS[name], device="cpu", cores=2)
        for name in ("deit_t", "deit_s", "deit_b")
    )
    assert tiny > 2 * small > 4 * base
