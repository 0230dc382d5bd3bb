"""The service with workers answers as the embedded one does, byte for byte of its numbers."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from app.factory import create_app
from tests.celery.conftest import celery_settings
from tests.conftest import wait_until_ready
from tests.redis_server import RedisServer
from tests.worker_process import WorkerProcess, wait_until

CAT = Path(__file__).parents[2] / "static" / "samples" / "cat.jpg"


@pytest.fixture(scope="module")
def over_redis(
    redis_server: RedisServer, worker: WorkerProcess, cache: Path
) -> Iterator[TestClient]:
    app = create_app(celery_settings(redis_server, cache))
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_until_ready(client)
        yield client


@pytest.fixture(scope="module")
def embedded(redis_server: RedisServer, cache: Path) -> Iterator[TestClient]:
    app = create_app(celery_settings(redis_server, cache, backend="embedded"))
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_until_ready(client)
        yield client


def painting(fill: int) -> bytes:
    picture = Image.new("L", (451, 300))
    ImageDraw.Draw(picture).ellipse((100, 50, 300, 250), fill=fill)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


CALLS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "predict": ("/predict", {"model": ["pocket_deit_shape", "pocket_cnn"]}, ()),
    "occlude": ("/occlude", {"ratio": ["0.25", "0.5"], "seed": ["0", "3"]}, ()),
    "salient": ("/occlude", {"mode": "salient", "ratio": "0.5"}, ()),
    "custom": ("/occlude", {"mode": "custom"}, ("mask",)),
    "shuffle": ("/shuffle", {"grid": ["2x2", "4x4"]}, ()),
    "attention": ("/attention", {"model": "pocket_deit_shape", "token": "shape"}, ()),
    "segment": ("/segment", {"model": "pocket_deit_shape"}, ("ground_truth",)),
}


def ask(client: TestClient, call: str, **headers: str) -> Any:
    path, data, paintings = CALLS[call]
    files = {"image": CAT.read_bytes()} | {
        name: painting(255 if name == "mask" else 1) for name in paintings
    }
    return client.post(path, data=data, files=files, headers=headers)


@pytest.mark.parametrize("call", CALLS)
def test_the_same_json(call: str, over_redis: TestClient, embedded: TestClient) -> None:
    ours, theirs = ask(over_redis, call), ask(embedded, call)
    assert ours.status_code == theirs.status_code == 200, ours.text
    answers = ours.json(), theirs.json()
    for answer in answers:
        assert answer.pop("elapsed_ms") > 0
    assert answers[0] == answers[1]


@pytest.mark.parametrize("call", ["occlude", "shuffle", "attention", "segment"])
def test_the_same_picture(call: str, over_redis: TestClient, embedded: TestClient) -> None:
    ours, theirs = (ask(one, call, Accept="image/png") for one in (over_redis, embedded))
    assert ours.headers["content-type"] == "image/png"
    assert ours.content == theirs.content


@pytest.mark.parametrize(
    ("path", "data", "image"),
    [
        ("/predict", {}, b"no image at all"),
        ("/predict", {}, CAT.read_bytes()[:2000]),
        ("/predict", {"model": "deit_s"}, CAT.read_bytes()),
        ("/segment", {"model": "pocket_cnn"}, CAT.read_bytes()),
        ("/occlude", {"grid": "5x5"}, CAT.read_bytes()),
    ],
)
def test_the_same_problems(
    path: str, data: dict[str, str], image: bytes, over_redis: TestClient, embedded: TestClient
) -> None:
    ours, theirs = (
        client.post(path, data=data, files={"image": image}) for client in (over_redis, embedded)
    )
    assert ours.status_code == theirs.status_code
    assert 400 <= ours.status_code < 500
    assert ours.headers["content-type"] == "application/problem+json"
    assert ours.json() == theirs.json()


def test_the_service_tells_of_its_workers(over_redis: TestClient) -> None:
    answer = over_redis.get("/readyz").json()
    assert answer["detail"].startswith("1 interactive worker (")
    assert answer["detail"].endswith("no evaluation worker")
    assert {"pocket_deit_shape", "pocket_cnn"} <= set(answer["models"])
    assert all(
        one["loaded"] == (one["name"] in answer["models"])
        for one in over_redis.get("/models").json()["models"]
    )


def test_metrics_hold_the_workers_numbers(over_redis: TestClient) -> None:
    def numbers() -> dict[str, float]:
        lines = over_redis.get("/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("ipvit_"))
        return {name: float(value) for name, value in pairs}

    before = numbers()
    assert ask(over_redis, "predict").status_code == 200

    def counted() -> bool:
        now = numbers()
        return all(
            now[name] >= before[name] + 1
            for name in ("ipvit_batch_images_count", "ipvit_queue_wait_seconds_count")
        )

    wait_until(counted, "the request is counted")
    assert before['ipvit_workers{queue="interactive"}'] == 1
    assert before['ipvit_workers{queue="evaluation"}'] == 0
    assert before['ipvit_queue_messages{queue="interactive"}'] == 0


def test_nothing_stays_in_redis(over_redis: TestClient, redis_server: RedisServer) -> None:
    assert ask(over_redis, "predict").status_code == 200
    with redis_server.client() as client:
        left = {key.decode() for key in client.keys("ipvit:*")}
    assert not [key for key in left if ":request:" in key or ":answer:" in key], left
