from pathlib import Path
from time import monotonic

from fastapi.testclient import TestClient

from app.factory import create_app
from app.schemas.service import Problem
from tests.conftest import TINY_SPECS, tiny_settings, wait_until_ready
from tests.pictures import photo_file


def test_it_is_alive_before_it_is_ready(cache: Path) -> None:
    app = create_app(tiny_settings(cache), extra_specs=TINY_SPECS)
    with TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert Problem.model_validate(answer.json()).code == "starting"
        assert answer.headers["retry-after"] == "1"
        wait_until_ready(client)


def test_a_request_that_comes_early_waits(cache: Path) -> None:
    app = create_app(tiny_settings(cache), extra_specs=TINY_SPECS)
    with TestClient(app) as client:
        answer = client.post("/predict", files={"image": photo_file()}, data={"model": "tiny"})
        assert answer.status_code == 200


def test_a_model_that_cannot_be_loaded_leaves_it_alive(cache: Path) -> None:
    app = create_app(tiny_settings(cache, models=("deit_s",)))
    with TestClient(app, raise_server_exceptions=False) as client:
        end = monotonic() + 30
        while "failed" not in (detail := client.get("/readyz").json()["detail"]):
            assert monotonic() < end
        assert "ipvit models pull deit_s" in detail
        assert client.get("/healthz").status_code == 200
        answer = client.post("/predict", files={"image": photo_file()}, data={"model": "deit_s"})
        assert answer.status_code == 409


def test_two_apps_share_nothing(cache: Path) -> None:
    apps = [create_app(tiny_settings(cache, models=()), extra_specs=TINY_SPECS) for _ in range(2)]
    with TestClient(apps[0]) as first, TestClient(apps[1]) as second:
        first.get("/problems")
        assert 'route="/problems"' in first.get("/metrics").text
        assert 'route="/problems"' not in second.get("/metrics").text


def test_static_files_are_asked_about_again(client: TestClient) -> None:
    path = "/static/vendor/swagger-ui/init.js"
    answer = client.get(path)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_keys_guard_the_whole_app(cache: Path) -> None:
    settings = tiny_settings(cache, models=(), api_keys=("secret",))
    with TestClient(create_app(settings, extra_specs=TINY_SPECS)) as client:
        assert client.get("/models").status_code == 401
        assert client.get("/healthz").status_code == 200
        assert client.get("/models", headers={"X-API-Key": "secret"}).status_code == 200


def test_head_is_get_without_the_body(client: TestClient) -> None:
    for path in ("/healthz", "/docs", "/models"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == client.get(path).headers["content-type"]
    assert client.head("/predict").status_code == 405
