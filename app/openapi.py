"""The description of the API at `/openapi.json`: FastAPI's, with our errors in place of its own."""

from typing import Any

from fastapi import FastAPI

from app.schemas.service import Problem

FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Build the description once; `app.openapi` answers it from then on."""
    if app.openapi_schema is None:
        description = FastAPI.openapi(app)
        schemas = description["components"]["schemas"]
        schemas[Problem.__name__] = Problem.model_json_schema()
        for name in FASTAPI_ERRORS:
            schemas.pop(name, None)
        for calls in description["paths"].values():
            for call in calls.values():
                _drop_fastapi_errors(call["responses"])
    return app.openapi_schema or {}


def _drop_fastapi_errors(responses: dict[str, Any]) -> None:
    """A call that documents no 422 has no field to get wrong."""
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema and schema.get("$ref", "").endswith(FASTAPI_ERRORS):
        del responses["422"]
