from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.middleware.access import Access, RateLimit, is_open


def guarded(api_keys: tuple[str, ...] = (), per_minute: int = 0) -> TestClient:
    routes = [
        Route(path, lambda _: PlainTextResponse("in")) for path in ("/models", "/healthz", "/docs")
    ]
    access = Middleware(Access, api_keys=api_keys, per_minute=per_minute)
    return TestClient(Starlette(routes=routes, middleware=[access]))


@pytest.mark.parametrize(
    "headers",
    [{"X-API-Key": "one"}, {"Authorization": "Bearer two"}, {"Authorization": "bearer  one"}],
)
def test_a_known_key_opens(headers: dict[str, str]) -> None:
    assert guarded(("one", "two")).get("/models", headers=headers).text == "in"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "on"},
        {"X-API-Key": "schlüssel".encode("latin-1")},
        {"Authorization": "Basic one"},
        {"Authorization": "Bearer"},
        {"Authorization": "one"},
    ],
)
def test_any_other_is_refused(headers: dict[str, str | bytes]) -> None:
    answer = guarded(("one", "two")).get("/models", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_health_and_docs_stay_open() -> None:
    client = guarded(("one",), per_minute=1)
    for _ in range(3):
        assert client.get("/healthz").text == "in"
        assert client.get("/docs").text == "in"


@pytest.mark.parametrize("path", ["/predict", "/models", "/metrics", "/jobs", "/static", "/x"])
def test_everything_else_is_guarded(path: str) -> None:
    assert not is_open(path)


def test_the_rate_of_a_key_is_its_own() -> None:
    client = guarded(("one", "two"), per_minute=2)
    answers = [client.get("/models", headers={"X-API-Key": "one"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert client.get("/models", headers={"X-API-Key": "two"}).status_code == 200


def test_wrong_keys_take_nothing_from_the_right_one() -> None:
    client = guarded(("one",), per_minute=1)
    assert client.get("/models", headers={"X-API-Key": "wrong"}).status_code == 401
    assert client.get("/models", headers={"X-API-Key": "one"}).status_code == 200


class Clock:
    def __init__(self, times: Iterator[float]) -> None:
        self.times = times

    def __call__(self) -> float:
        return next(self.times)


def test_calls_come_back_evenly() -> None:
    rate = RateLimit(6, clock=Clock(iter([0.0] * 7 + [9.9, 10.0, 10.0])))
    assert [rate.wait_s("a") for _ in range(6)] == [0] * 6
    assert rate.wait_s("a") == pytest.approx(10)
    assert rate.wait_s("a") == pytest.approx(0.1)
    assert rate.wait_s("a") == 0
    assert rate.wait_s("a") == pytest.approx(10)


def test_the_table_of_callers_is_bounded() -> None:
    rate = RateLimit(1, max_callers=3)
    for caller in range(100):
        rate.wait_s(str(caller))
    assert len(rate._buckets) == 3
