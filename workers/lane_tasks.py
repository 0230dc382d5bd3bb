"""Tasks that need no thread of their own: lanes do all there is to compute.

A small model answers in hardly more time than it takes to hand a request from thread to thread and
back. Here the lane that runs the network also decodes the photo and writes the answer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any

from ipvit.analyses import predict
from ipvit.analyses.forward import ForwardResult
from ipvit.analyses.parameters import PredictParams
from workers.calls import Call

Answer = dict[str, Any]


def predict_on_lanes(
    params: Mapping[str, Any], blobs: Mapping[str, bytes], call: Call
) -> Future[Answer]:
    """Start `workers.tasks.predict` without waiting for it.

    All its models must be loaded: see `workers.runtime.Runtime.decodes_for`.
    """
    started_s = time.perf_counter()
    asked = PredictParams(**params)
    context = call.context
    asked.validate(context.specs)
    specs = [context.spec(name) for name in asked.models]
    photo = call.photo(blobs["image"], specs)
    futures = [call.submit_photo(photo, spec) for spec in specs]
    return _when_all(
        futures, lambda results: predict.answer(photo, asked, specs, results, started_s)
    )


def _when_all(
    futures: Sequence[Future[ForwardResult]], answer: Callable[[list[ForwardResult]], Answer]
) -> Future[Answer]:
    """What `answer` makes of all results, on the thread that gives the last one."""
    answered: Future[Answer] = Future()
    counting = Lock()
    missing = len(futures)

    def note(_: Future[ForwardResult]) -> None:
        nonlocal missing
        with counting:
            missing -= 1
            is_last = missing == 0
        if is_last and answered.set_running_or_notify_cancel():
            try:
                answered.set_result(answer([future.result() for future in futures]))
            except BaseException as error:
                answered.set_exception(error)

    for future in futures:
        future.add_done_callback(note)
    return answered
