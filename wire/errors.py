"""Errors of `ipvit.errors` as JSON and back: nobody can tell where they were raised."""

from collections.abc import Iterator, Mapping
from typing import Any

from ipvit.errors import IPViTError


def error_as_dict(error: IPViTError) -> dict[str, Any]:
    """JSON-able: its code, its message, and its attributes (field, matches, …)."""
    return {"code": error.code, "message": str(error), "attributes": dict(vars(error))}


def error_from_dict(told: Mapping[str, Any]) -> IPViTError:
    """The same error; an unknown code becomes the nearest thing there is, an IPViTError."""
    kind = _kinds().get(told["code"], IPViTError)
    # Not through its __init__, which composes the message anew.
    error = kind.__new__(kind)
    error.args = (told["message"],)
    vars(error).update(told["attributes"])
    return error


def _kinds() -> dict[str, type[IPViTError]]:
    return {kind.code: kind for kind in _tree(IPViTError)}


def _tree(kind: type[IPViTError]) -> Iterator[type[IPViTError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)
