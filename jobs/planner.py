"""Cut a job into shards of about the same time, and say how long it will take.

A shard is one model on a contiguous range of the data set. It is short enough that losing one
costs little and that the curve grows while one watches, and long enough that claiming it costs
nothing beside it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ipvit.models.model_spec import ModelSpec
from jobs.records import ShardPlan

__all__ = ["Estimate", "ModelLoad", "estimate", "guess_forwards_per_s", "plan_shards"]

MIN_SHARDS, MAX_SHARDS = 8, 5000
MIN_SHARD_IMAGES = 8
"""Below this, loading and claiming would be what takes the time."""

CORE_MACS_PER_S, ACCELERATOR_MACS_PER_S = 30e9, 5e12
OVERHEAD_S = 0.0005
CNN_MACS_AT_224 = 4e9
HEAD_DIM = 64


@dataclass(frozen=True)
class ModelLoad:
    """What one model has to do.

    forwards: passes an image takes, all conditions together. forwards_per_s: of one worker.
    measured: whether that speed was measured in earlier shards.
    """

    model: str
    forwards: int
    forwards_per_s: float
    measured: bool


@dataclass(frozen=True)
class Estimate:
    """How much a job is. seconds: by one worker alone."""

    images: int
    forwards: int
    shards: int
    seconds: float
    basis: Literal["measured", "guess"]


def plan_shards(loads: Sequence[ModelLoad], images: int, shard_s: float) -> list[ShardPlan]:
    """Cut each model's images into equal ranges of about `shard_s` seconds; model after model."""
    return [
        ShardPlan(load.model, start, stop, forwards=(stop - start) * load.forwards)
        for load in loads
        for start, stop in _ranges(images, _shards(load, images, shard_s))
    ]


def estimate(loads: Sequence[ModelLoad], images: int, shard_s: float) -> Estimate:
    """What `plan_shards` would make of it, and the time it takes."""
    return Estimate(
        images=images * len(loads),
        forwards=images * sum(load.forwards for load in loads),
        shards=len(plan_shards(loads, images, shard_s)),
        seconds=sum(images * load.forwards / load.forwards_per_s for load in loads),
        basis="measured" if all(load.measured for load in loads) else "guess",
    )


def guess_forwards_per_s(spec: ModelSpec, *, device: str, cores: int) -> float:
    """A first idea of a model's speed, from its size; within a factor of three or so.

    A transformer block multiplies 12 N d² + 2 N² d times (N tokens, d features of 64 a head).
    """
    if spec.depth and spec.heads and spec.patch_px:
        tokens = (spec.input_px // spec.patch_px) ** 2 + spec.prefix_tokens
        features = HEAD_DIM * spec.heads
        macs = spec.depth * (12.0 * tokens * features**2 + 2 * tokens**2 * features)
    else:
        macs = CNN_MACS_AT_224 * (spec.input_px / 224) ** 2
    macs_per_s = CORE_MACS_PER_S * cores if device == "cpu" else ACCELERATOR_MACS_PER_S
    return 1 / (OVERHEAD_S + macs / macs_per_s)


def _shards(load: ModelLoad, images: int, shard_s: float) -> int:
    by_time = images * load.forwards / (load.forwards_per_s * shard_s)
    by_size = max(1, images // MIN_SHARD_IMAGES)
    return max(1, min(by_size, MAX_SHARDS, max(MIN_SHARDS, round(by_time))))


def _ranges(images: int, shards: int) -> list[tuple[int, int]]:
    bounds = [number * images // shards for number in range(shards + 1)]
    return list(itertools.pairwise(bounds))
