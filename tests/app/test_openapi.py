"""The description of the API is complete, and its examples are true."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from app.schemas import answers, examples
from app.schemas.forms import FORMS
from app.schemas.service import Problem

EXAMPLES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (answers.PredictAnswer, examples.PREDICT),
    (answers.OccludeAnswer, examples.OCCLUDE),
    (answers.ShuffleAnswer, examples.SHUFFLE),
    (answers.AttentionAnswer, examples.ATTENTION),
    (answers.SegmentAnswer, examples.SEGMENT),
]


@pytest.fixture(scope="module")
def openapi(client: TestClient) -> dict[str, Any]:
    description: dict[str, Any] = client.get("/openapi.json").json()
    return description


@pytest.mark.parametrize(("schema", "example"), EXAMPLES)
def test_examples_fit_their_schemas(schema: type[BaseModel], example: dict[str, Any]) -> None:
    schema.model_validate(example, strict=True)


def test_all_paths_of_the_design_are_there(openapi: dict[str, Any]) -> None:
    paths = {"/predict", "/occlude", "/shuffle", "/attention", "/segment"}
    paths |= {"/models", "/healthz", "/readyz", "/metrics", "/problems", "/problems/{code}"}
    assert paths <= set(openapi["paths"])


def test_every_call_has_a_summary_and_a_description(openapi: dict[str, Any]) -> None:
    for path, calls in openapi["paths"].items():
        for call in calls.values():
            assert call["summary"], path
            assert call["description"], path


@pytest.mark.parametrize("path", FORMS)
def test_an_analysis_tells_form_answers_and_problems(openapi: dict[str, Any], path: str) -> None:
    call = openapi["paths"][path]["post"]
    assert list(call["requestBody"]["content"]) == ["multipart/form-data"]
    ok = call["responses"]["200"]["content"]
    assert "example" in ok["application/json"]
    assert ("image/png" in ok) == (path != "/predict")
    for status in ("400", "401", "409", "413", "415", "422", "429", "504"):
        assert "application/problem+json" in call["responses"][status]["content"], status
    assert "curl" in call["description"]


@pytest.mark.parametrize("path", FORMS)
def test_examples_of_problems_are_problems(openapi: dict[str, Any], path: str) -> None:
    seen = set()
    for status, response in openapi["paths"][path]["post"]["responses"].items():
        problems = response["content"].get("application/problem+json", {"examples": {}})
        for code, example in problems["examples"].items():
            problem = Problem.model_validate(example["value"])
            assert (problem.code, str(problem.status)) == (code, status)
            seen.add(code)
    assert set(examples.PROBLEMS) <= seen


@pytest.mark.parametrize("path", FORMS)
def test_files_are_files_and_fields_have_their_ranges(openapi: dict[str, Any], path: str) -> None:
    content = openapi["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    form = openapi["components"]["schemas"][name]
    assert form["required"] == ["image"]
    assert form["additionalProperties"] is False
    assert form["properties"]["image"]["contentMediaType"] == "application/octet-stream"
    assert form["properties"]["model"]["maxItems"] == 8


def test_every_reference_leads_somewhere(openapi: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for value in node.values() for ref in references(value)]
        return (
            [ref for value in node for ref in references(value)] if isinstance(node, list) else []
        )

    found = references(openapi)
    assert found
    for reference in found:
        assert reference.rpartition("/")[2] in openapi["components"]["schemas"], reference


def test_every_answered_field_is_described(openapi: dict[str, Any]) -> None:
    silent = {"top", "models", "results", "heads", "maps", "image", "chosen"}
    obvious = {"mode", "token", "method", "status"}
    for name, schema in openapi["components"]["schemas"].items():
        for field, description in schema.get("properties", {}).items():
            if field not in silent | obvious:
                assert "description" in description or "$ref" in description, (name, field)
