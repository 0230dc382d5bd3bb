"""What a server under load answers: 429 and 504 problems, and waiting where waiting is right."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from app.factory import create_app
from tests.conftest import TINY_SPECS, serving, tiny_settings
from tests.pictures import photo_file

MANY_VARIANTS = {
    "model": "tiny_224",
    "include_images": "false",
    "ratio": [str(number / 100) for number in range(6)],
    "seed": [str(seed) for seed in range(50)],
}
"""Three hundred forward passes: longer than anything else here takes."""

WAIT_S = 120


def occlude(url: str, **data: object) -> httpx.Response:
    files = {"image": photo_file(400, 300)}
    return httpx.post(f"{url}/occlude", files=files, data=data, timeout=WAIT_S)


def in_flight(url: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("ipvit_in_flight"))


@contextmanager
def busy(url: str) -> Iterator[Future[httpx.Response]]:
    """Many variants on their way."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(occlude, url, **MANY_VARIANTS)
        end = monotonic() + WAIT_S
        while in_flight(url) < 1:
            assert monotonic() < end
            sleep(0.002)
        yield answer


def test_a_full_server_says_when_to_come_back(cache: Path) -> None:
    app = create_app(tiny_settings(cache, max_queue=1), extra_specs=TINY_SPECS)
    with serving(app) as url:
        with busy(url) as first:
            second = occlude(url, model="tiny", include_images="false")
        assert (second.status_code, second.json()["code"]) == (429, "overloaded")
        assert int(second.headers["retry-after"]) >= 1
        assert first.result().status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(cache: Path) -> None:
    app = create_app(tiny_settings(cache, deadline_s=0.05), extra_specs=TINY_SPECS)
    with serving(app) as url:
        answer = occlude(url, **MANY_VARIANTS)
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        assert httpx.get(f"{url}/healthz").status_code == 200


@pytest.mark.parametrize("concurrent", [6])
def test_requests_for_pictures_wait_for_each_other(cache: Path, concurrent: int) -> None:
    app = create_app(tiny_settings(cache, max_pictures=4), extra_specs=TINY_SPECS)
    with serving(app) as url, ThreadPoolExecutor(concurrent) as pool:
        asked = [pool.submit(occlude, url, model="tiny", ratio=["0.1", "0.2", "0.3"])]
        asked += [pool.submit(occlude, url, model="tiny", ratio="0.4") for _ in range(concurrent)]
        assert [answer.result().status_code for answer in asked] == [200] * (concurrent + 1)
    budget = app.state.services.picture_budget
    assert budget.held == 0
