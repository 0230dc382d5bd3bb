from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

from ipvit.errors import DeadlineExceeded
from tests.workers.probe import WAIT_S, Gate, random_images, request
from workers.calls import Call
from workers.intake import Intake
from workers.runtime import Runtime

MakeRuntime = Callable[..., Runtime]


def call_of(runtime: Runtime, deadline_s: float | None = None) -> Call:
    return Call(runtime, Intake(slots=1), deadline_s=deadline_s)


def test_a_call_forwards_to_the_runtime(make_runtime: MakeRuntime) -> None:
    call = call_of(make_runtime(), deadline_s=WAIT_S)
    result = call.context.forward.submit(request(random_images(2))).result(WAIT_S)
    assert len(result.logits) == 2


def test_cancel_calls_off_what_waits(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    gate.close()
    call = call_of(runtime)
    running = call.submit(request(random_images(1)))
    assert gate.arrived.wait(WAIT_S)
    gate.batches.clear()
    waiting = call.submit(request(random_images(1)))
    call.cancel()
    assert waiting.cancelled()
    with pytest.raises(CancelledError):
        call.submit(request(random_images(1)))
    with pytest.raises(CancelledError), call.decoded(b""):
        pass
    gate.open()
    assert len(running.result(WAIT_S).logits) == 1
    runtime.close()
    assert gate.batches == []


def test_nothing_is_begun_after_the_deadline(make_runtime: MakeRuntime) -> None:
    call = call_of(make_runtime(), deadline_s=-1.0)
    with pytest.raises(DeadlineExceeded):
        call.submit(request(random_images(1)))
    with pytest.raises(DeadlineExceeded), call.decoded(b""):
        pass


def test_the_context_knows_what_is_ready(make_runtime: MakeRuntime) -> None:
    context = call_of(make_runtime()).context
    assert context.is_ready("probe")
    assert set(context.specs) == {"probe", "other"}
