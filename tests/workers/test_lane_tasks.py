"""`predict` on lanes must answer as `predict` on a thread does."""

import io
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ipvit.errors import InvalidImage, InvalidInput
from tests.workers.probe import WAIT_S, Gate
from workers.calls import Call
from workers.intake import Intake
from workers.lane_tasks import predict_on_lanes
from workers.runtime import Runtime
from workers.tasks import predict

MakeRuntime = Callable[..., Runtime]


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 250, (12, 10, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def call_of(runtime: Runtime) -> Call:
    return Call(runtime, Intake(slots=1))


def shares_of(answer: dict[str, Any]) -> list[float]:
    return [one["probability"] for model in answer["models"] for one in model["top"]]


def without_numbers(answer: dict[str, Any]) -> dict[str, Any]:
    """All but the time taken and the probabilities, which depend on the batch's size a little."""
    models = [
        {**model, "top": [(one["index"], one["label"]) for one in model["top"]]}
        for model in answer["models"]
    ]
    return {**answer, "models": models, "elapsed_ms": None}


def test_it_answers_as_on_a_thread(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(threads=2, preload=("probe", "other"))
    params = {"models": ["other", "probe"], "top_k": 3}
    answered = [
        predict_on_lanes(params, {"image": png(seed)}, call_of(runtime)) for seed in range(24)
    ]
    for seed, future in enumerate(answered):
        expected = predict(params, {"image": png(seed)}, call_of(runtime))
        answer = future.result(WAIT_S)
        assert answer["elapsed_ms"] > 0
        assert shares_of(answer) == pytest.approx(shares_of(expected), abs=1e-6)
        assert without_numbers(answer) == without_numbers(expected)


def test_a_broken_photo_fails_alone(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(preload=("probe", "other"))
    gate.close()
    held = predict_on_lanes({"models": ["other"]}, {"image": png(0)}, call_of(runtime))
    assert gate.arrived.wait(WAIT_S)
    files = [png(1), b"not a photo", png(2)]
    futures = [
        predict_on_lanes({"models": ["probe"]}, {"image": file}, call_of(runtime)) for file in files
    ]
    gate.open()
    assert held.result(WAIT_S)["models"]
    good, broken, also_good = futures
    with pytest.raises(InvalidImage) as error:
        broken.result(WAIT_S)
    assert error.value.field == "image"
    for future in (good, also_good):
        assert future.result(WAIT_S)["image"] == {"width": 10, "height": 12, "format": "PNG"}


def test_one_broken_photo_is_one_error_for_all_models(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(preload=("probe", "other"))
    params = {"models": ["probe", "other"]}
    with pytest.raises(InvalidImage):
        predict_on_lanes(params, {"image": b""}, call_of(runtime)).result(WAIT_S)


def test_parameters_are_checked_before_anything_waits(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    with pytest.raises(InvalidInput, match="top_k"):
        predict_on_lanes({"models": ["probe"], "top_k": 6}, {"image": b""}, call_of(runtime))
    assert runtime.stats().waiting_images == 0


def test_a_call_that_is_called_off_is_not_decoded(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    gate.close()
    held = [
        predict_on_lanes({"models": ["probe"]}, {"image": png(seed)}, call_of(runtime))
        for seed in range(2)
    ]
    assert gate.arrived.wait(WAIT_S)
    call = call_of(runtime)
    waiting = predict_on_lanes({"models": ["probe"]}, {"image": b"not a photo"}, call)
    call.cancel()
    gate.open()
    for future in held:
        assert future.result(WAIT_S)["models"]
    with pytest.raises(CancelledError):
        waiting.result(WAIT_S)


def test_only_loaded_models_are_served_so(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    assert runtime.decodes_for(["probe"])
    assert not runtime.decodes_for(["probe", "other"])
    assert not runtime.decodes_for(["unheard_of"])
