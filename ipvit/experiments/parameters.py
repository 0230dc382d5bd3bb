"""Parameters of an experiment from JSON or `name=value` texts, with errors that name a field."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from ipvit.errors import InvalidInput, UnknownName
from ipvit.experiments.experiment import Experiment, ExperimentParams

__all__ = ["changed_params", "format_assignments", "parse_assignments", "read_params"]

JsonObject = Mapping[str, Any]


def read_params(experiment: Experiment, values: JsonObject) -> ExperimentParams:
    """The experiment's parameters, what `values` does not name being the default.

    Raises InvalidInput with the field "params.<name>", and UnknownName with close matches if the
    experiment has no such parameter.
    """
    known = experiment.parameters.model_fields
    for name in values:
        if name not in known:
            raise UnknownName(
                f"parameter of {experiment.name}", name, known, field=f"params.{name}"
            )
    try:
        return experiment.parameters.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidInput(
            f"expected another value of {name or 'the parameters'}: {message}; "
            f"got {first['input']!r}",
            field=f"params.{name}" if name else "params",
        ) from error


def parse_assignments(experiment: Experiment, assignments: Iterable[str]) -> ExperimentParams:
    """Parameters from texts such as "runs=5" or "ratios=0.1,0.2".

    Lists are written with commas or by repeating the name. "" and "none" mean no value for what
    may have none. Errors as `read_params`.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InvalidInput(
                f"expected a parameter written name=value, got {assignment!r}", field="params"
            )
        if _is_list(experiment, name):
            values.setdefault(name, []).extend(
                part.strip() for part in text.split(",") if part.strip()
            )
        else:
            values[name] = None if text.strip().lower() in ("", "none") else text.strip()
    return read_params(experiment, values)


def changed_params(params: ExperimentParams) -> dict[str, Any]:
    """The parameters that are not at their default, JSON-able."""
    fields = type(params).model_fields
    return {
        name: value
        for name, value in params.model_dump(mode="json").items()
        if getattr(params, name) != fields[name].get_default(call_default_factory=True)
    }


def format_assignments(params: ExperimentParams) -> list[str]:
    """`parse_assignments` backwards, less what is at its default."""
    return [f"{name}={_format(value)}" for name, value in changed_params(params).items()]


def _format(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "none" if value is None else str(value)


def _is_list(experiment: Experiment, name: str) -> bool:
    schema = experiment.parameters.model_json_schema()["properties"].get(name, {})
    options = [schema, *schema.get("anyOf", ())]
    return any(option.get("type") == "array" for option in options)
