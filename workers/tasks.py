"""The interactive work by name: what a backend runs on a thread, here or on a remote worker.

A task gets JSON-able parameters, the blobs ("image", "mask", "ground_truth") as bytes, and the
`Call` it works for. Its answer is JSON-able: the analysis's answer, or {"png": base64} of one
picture when `params["composite"]` is true.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from ipvit.analyses import attend, parameters
from ipvit.analyses.occlude import occlude as run_occlude
from ipvit.analyses.predict import predict as run_predict
from ipvit.analyses.segment import segment as run_segment
from ipvit.analyses.shuffle import shuffle as run_shuffle
from ipvit.images import decode_mask, decode_painting
from workers.calls import Call

Params = Mapping[str, Any]
Blobs = Mapping[str, bytes]
Answer = dict[str, Any]
Task = Callable[[Params, Blobs, Call], Answer]


def predict(params: Params, blobs: Blobs, call: Call) -> Answer:
    """Top classes of the image."""
    with call.decoded(blobs["image"]) as image:
        return run_predict(image, parameters.PredictParams(**params), call.context)


def occlude(params: Params, blobs: Blobs, call: Call) -> Answer:
    """Predictions with patches dropped; blob "mask" for mode custom."""
    asked, composite = _without_composite(params)
    with call.decoded(blobs["image"]) as image:
        limits = call.mask_limits(image)
        mask = decode_painting(blobs["mask"], "mask", limits) if "mask" in blobs else None
        chosen = parameters.OccludeParams(**asked)
        return _answer(run_occlude(image, chosen, call.context, mask, composite=composite))


def shuffle(params: Params, blobs: Blobs, call: Call) -> Answer:
    """Predictions with the cells of a grid shuffled."""
    asked, composite = _without_composite(params)
    with call.decoded(blobs["image"]) as image:
        chosen = parameters.ShuffleParams(**asked)
        return _answer(run_shuffle(image, chosen, call.context, composite=composite))


def attention(params: Params, blobs: Blobs, call: Call) -> Answer:
    """Attention maps of a token."""
    asked, composite = _without_composite(params)
    with call.decoded(blobs["image"]) as image:
        chosen = parameters.AttentionParams(**asked)
        return _answer(attend.attend(image, chosen, call.context, composite=composite))


def segment(params: Params, blobs: Blobs, call: Call) -> Answer:
    """Foreground by attention mass; blob "ground_truth" adds the Jaccard index."""
    asked, composite = _without_composite(params)
    with call.decoded(blobs["image"]) as image:
        truth = None
        if "ground_truth" in blobs:
            limits = call.mask_limits(image)
            truth = decode_mask(blobs["ground_truth"], "ground_truth", limits)
        chosen = parameters.SegmentParams(**asked)
        return _answer(run_segment(image, chosen, call.context, truth, composite=composite))


TASKS: Mapping[str, Task] = {
    "predict": predict,
    "occlude": occlude,
    "shuffle": shuffle,
    "attention": attention,
    "segment": segment,
}


def _without_composite(params: Params) -> tuple[dict[str, Any], bool]:
    rest = dict(params)
    return rest, bool(rest.pop("composite", False))


def _answer(result: Answer | bytes) -> Answer:
    if isinstance(result, bytes):
        return {"png": base64.b64encode(result).decode("ascii")}
    return result
