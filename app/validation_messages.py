"""Say in plain words what pydantic found wrong with a form: which field, expected and got."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one field of a form."""

    detail: str
    field: str | None
    matches: tuple[str, ...] = ()


def describe_validation_error(
    error: Mapping[str, Any], known_fields: Sequence[str] = ()
) -> Complaint:
    """Describe one entry of `RequestValidationError.errors()`.

    known_fields: the form's field names; close ones are offered for a field it does not have.
    """
    place = [part for part in error["loc"] if part not in ("body", "query", "path")]
    field = str(place[0])[:SHOWN_CHARACTERS] if place else None
    name = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in place[:2])
    name = name[: SHOWN_CHARACTERS + 5] or "body"
    if error["type"] == "missing":
        return Complaint(f"{name}: this field is required", field)
    if error["type"] == "extra_forbidden":
        matches = tuple(difflib.get_close_matches(str(field), known_fields, n=3))
        hint = f"did you mean {', '.join(matches)}?" if matches else _one_of(known_fields)
        return Complaint(f"{name}: this call has no such field; {hint}", field, matches)
    message = str(error["msg"]).removeprefix("Value error, ")
    return Complaint(f"{name}: {_lower_first(message)}{_got(error.get('input'))}", field)


def _one_of(names: Sequence[str]) -> str:
    return f"expected one of {', '.join(names)}"


def _got(value: object) -> str:
    """Show a scalar that came, shortened; say nothing of files and lists."""
    if not isinstance(value, (str, int, float)):
        return ""
    text = repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "…"
    return f", got {text}"


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]
