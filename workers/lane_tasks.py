"""`predict` without a thread: the lane that runs the network also decodes the photo.

A small model answers in little more time than the interpreter takes to hand a request from thread
to thread. Under many clients this doubles ...
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from ipvit.analyses import predict
from ipvit.analyses.parameters import PredictParams
from workers.calls import Call


async def predict_on_lanes(
    params: Mapping[str, Any], blobs: Mapping[str, bytes], call: Call
) -> dict[str, Any]:
    """The answer of `workers.tasks.predict`; the event loop only waits.

    All models must be loaded: see `workers.runtime.Runtime.decodes_for`.
    """
    started_s = time.perf_counter()
    asked = PredictParams(**params)
    context = call.context
    asked.validate(context.specs)
    specs = [context.spec(name) for name in asked.models]
    photo = call.photo(blobs["image"], specs)
    futures = [call.submit_photo(photo, spec) for spec in specs]
    results = [await asyncio.wrap_future(future) for future in futures]
    return predict.answer(photo, asked, specs, results, started_s)
