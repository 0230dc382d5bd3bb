import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ipvit.registry import Registry
from tests.tiny_model import TINY
from workers.calls import Call
from workers.intake import Intake
from workers.runtime import Runtime
from workers.tasks import TASKS


def png(mode: str, colour: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (48, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


BLOBS = {
    "predict": {},
    "occlude": {"mask": png("L", 255)},
    "shuffle": {},
    "attention": {},
    "segment": {"ground_truth": png("L", 1)},
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    cache_dir: Path = tmp_path_factory.mktemp("cache")
    specs = Registry("model", [TINY])
    runtime = Runtime(specs, cache_dir=cache_dir, precision="fp32", threads=1)
    runtime.start()
    yield runtime
    runtime.close()


def run(runtime: Runtime, name: str, **params: Any) -> dict[str, Any]:
    call = Call(runtime, Intake(slots=1), saliency_model="tiny")
    blobs = {"image": png("RGB", "olive"), **BLOBS[name]}
    return TASKS[name]({"models": ["tiny"], **params}, blobs, call)


@pytest.mark.parametrize("name", TASKS)
def test_each_task_answers_json(runtime: Runtime, name: str) -> None:
    answer = run(runtime, name)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["models"][0]["model"] == "tiny"
    assert answer["models"][0]["precision"] == "fp32"


@pytest.mark.parametrize("name", [name for name in TASKS if name != "predict"])
def test_each_task_with_pictures_draws_one(runtime: Runtime, name: str) -> None:
    picture = base64.b64decode(run(runtime, name, composite=True)["png"])
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "PNG"


def test_occlude_reads_the_painted_mask(runtime: Runtime) -> None:
    answer = run(runtime, "occlude", mode="custom", include_images=False)
    (result,) = answer["models"][0]["results"]
    assert result["dropped_patches"] == result["patches"] == 16


def test_segment_scores_the_ground_truth(runtime: Runtime) -> None:
    assert run(runtime, "segment")["models"][0]["jaccard"] is not None
