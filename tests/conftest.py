"""The real app for tests: embedded backend, real forward passes, real sockets.

Tiny networks of random weights stand in where only the plumbing is tested; `pocket_models` holds
the shipped models.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from types import MappingProxyType

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings

from app.factory import create_app
from app.server import Server
from app.settings import POCKET_MODELS, Settings
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import IMAGENET_224, POCKET_32, Preprocessing
from tests.postgresql import PostgreSQL

STARTUP_S = 120

# A busy machine is no reason to fail.
settings.register_profile(
    "ours", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")


def tiny_spec(
    name: str,
    preprocessing: Preprocessing,
    *,
    patch_px: int,
    shape_token: bool = False,
) -> ModelSpec:
    """A transformer of two blocks, two heads and random weights that are the same every time."""
    size_px = preprocessing.crop_px
    variant = "deit_tiny_distilled" if shape_token else "vit_tiny"
    return ModelSpec(
        name=name,
        title=f"Tiny {name}",
        architecture=f"timm:{variant}_patch16_224",
        architecture_options=MappingProxyType(
            {
                "img_size": size_px,
                "patch_size": patch_px,
                "embed_dim": 16,
                "depth": 2,
                "num_heads": 2,
                "num_classes": 10,
            }
        ),
        family="custom",
        input_px=size_px,
        patch_px=patch_px,
        prefix_tokens=2 if shape_token else 1,
        depth=2,
        heads=2,
        num_classes=10,
        labels="cifar10",
        tokens=("cls", "shape") if shape_token else ("cls",),
        preprocessing=preprocessing,
        weights=WeightsSource(source="random", licence="none"),
        paper="none: random weights for tests",
    )


TINY_SPECS = (
    tiny_spec("tiny", POCKET_32, patch_px=8),
    tiny_spec("tiny_shape", POCKET_32, patch_px=8, shape_token=True),
    tiny_spec("tiny_224", IMAGENET_224, patch_px=16),
)


def tiny_settings(cache: Path, **changes: object) -> Settings:
    """Settings that the environment does not reach, for the tiny models."""
    values: dict[str, object] = {
        "models": tuple(spec.name for spec in TINY_SPECS),
        "saliency_model": "tiny_shape",
        "cache": cache,
        "data_dir": cache / "datasets",
        "database_url": f"sqlite:///{cache / 'jobs.sqlite3'}",
        "precision": "fp32",
        "threads": 2,
    }
    return Settings.model_validate(values | changes)


def wait_until_ready(get: "httpx.Client | TestClient") -> None:
    """Return once `/readyz` answers 200; fail with its last answer if it never does."""
    end = monotonic() + STARTUP_S
    while (answer := get.get("/readyz")).status_code != 200:
        assert "failed" not in answer.text, answer.text
        assert monotonic() < end, answer.text
        sleep(0.02)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve `app` by uvicorn on a free port of this machine; the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(app, uvicorn.Config(app, log_level="warning"))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=10) as client:
            wait_until_ready(client)
        yield url
    finally:
        server.should_exit = True
        thread.join(STARTUP_S)
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty weights cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def client(cache: Path) -> Iterator[TestClient]:
    """The app with tiny models, without sockets; errors arrive as answers."""
    app = create_app(tiny_settings(cache), extra_specs=TINY_SPECS)
    with TestClient(app, raise_server_exceptions=False) as test_client:
        wait_until_ready(test_client)
        yield test_client


@pytest.fixture(scope="session")
def tiny_server(cache: Path) -> Iterator[str]:
    """The URL of a real server with tiny models."""
    with serving(create_app(tiny_settings(cache), extra_specs=TINY_SPECS)) as url:
        yield url


@pytest.fixture(scope="session")
def pocket_models() -> tuple[str, ...]:
    """The shipped models."""
    return POCKET_MODELS


@pytest.fixture(scope="session")
def pocket_server(cache: Path, pocket_models: tuple[str, ...]) -> Iterator[str]:
    """The URL of a real server as a user starts it, with the shipped models."""
    settings = Settings.model_validate(
        {
            "models": pocket_models,
            "cache": cache,
            "data_dir": cache / "pocket-datasets",
            "database_url": f"sqlite:///{cache / 'pocket-jobs.sqlite3'}",
        }
    )
    with serving(create_app(settings)) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL server; a test that stops it must start it again."""
    server = PostgreSQL()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty job database: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()
