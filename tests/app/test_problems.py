import inspect
import json
import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from app.error_handlers import HTTP_CODES, install_problem_handlers, problem_of, unexpected_problem
from app.middleware.unexpected_errors import UnexpectedErrors
from app.problems import PROBLEMS, Starting
from app.schemas.service import Problem
from ipvit import errors
from ipvit.errors import IPViTError, Overloaded

ERRORS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, IPViTError)
]


@pytest.mark.parametrize("kind", [*ERRORS, Starting])
def test_every_error_has_a_problem(kind: type[IPViTError]) -> None:
    assert kind.code in PROBLEMS


def test_http_codes_name_problems_of_their_status() -> None:
    for status, code in HTTP_CODES.items():
        assert PROBLEMS[code].status == status


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_code_has_a_page(client: TestClient, code: str) -> None:
    page = client.get(f"/problems/{code}")
    assert page.status_code == 200
    assert PROBLEMS[code].meaning in page.text
    assert code in client.get("/problems").text


def test_an_unknown_name_offers_matches() -> None:
    error = errors.UnknownName("model", "pocket_diet", ["pocket_deit", "vit"], field="model")
    body = json.loads(bytes(problem_of(error).body))
    assert body == {
        "type": "/problems/unknown_name",
        "title": PROBLEMS["unknown_name"].title,
        "status": 422,
        "detail": "unknown model 'pocket_diet': did you mean pocket_deit?",
        "code": "unknown_name",
        "field": "model",
        "matches": ["pocket_deit"],
    }


def test_overload_says_when_to_come_back() -> None:
    response = problem_of(Overloaded("full", retry_after_s=2.4))
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"


def test_a_failure_of_ours_shows_only_its_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = problem_of(errors.CaptureMismatch("block 3 of secret_model"))
        problem = Problem.model_validate_json(bytes(response.body))
    assert problem.status == 500
    assert "secret" not in bytes(response.body).decode()
    assert problem.instance is not None
    assert problem.instance in caplog.text
    assert "secret_model" in caplog.text


def broken_app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(UnexpectedErrors)

    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError("password is hunter2")

    @app.get("/http/{status}")
    def http(status: int) -> None:
        raise HTTPException(status, "details")

    return app


def test_the_unexpected_is_a_clean_500(caplog: pytest.LogCaptureFixture) -> None:
    answer = TestClient(broken_app()).get("/crash")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text
    Problem.model_validate(answer.json())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 413, 415, 418, 500, 502])
def test_http_exceptions_are_problems(status: int) -> None:
    answer = TestClient(broken_app()).get(f"/http/{status}")
    problem = Problem.model_validate(answer.json())
    assert problem.status == answer.status_code
    assert (answer.status_code >= 500) == (status >= 500)


def test_two_failures_have_two_ids() -> None:
    first, second = (bytes(unexpected_problem(RuntimeError()).body) for _ in range(2))
    assert first != second
