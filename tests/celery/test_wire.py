"""What crosses the wire arrives as it was sent."""

from collections.abc import Iterator

import pytest

from ipvit import errors
from ipvit.errors import IPViTError, Overloaded, UnknownName
from wire.errors import error_as_dict, error_from_dict
from wire.messages import AnswerMessage, Heartbeat


def kinds(of: type[IPViTError] = IPViTError) -> Iterator[type[IPViTError]]:
    for kind in of.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from kinds(kind)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_is_itself_again(kind: type[IPViTError]) -> None:
    if kind is UnknownName:
        sent: IPViTError = UnknownName("model", "deit", ["deit_s", "deit_t"], field="model")
    elif kind is Overloaded:
        sent = Overloaded("full", retry_after_s=2.5)
    else:
        sent = kind("expected one, got none")
    got = error_from_dict(error_as_dict(sent))
    assert type(got) is kind
    assert str(got) == str(sent)
    assert vars(got) == vars(sent)


def test_an_error_of_a_newer_worker_is_still_an_error() -> None:
    got = error_from_dict({"code": "unheard_of", "message": "so it was", "attributes": {}})
    assert type(got) is IPViTError
    assert str(got) == "so it was"


def test_numbers_arrive_with_all_their_digits() -> None:
    sent = {"probability": 0.1 + 0.2, "label": "Hündchen"}
    assert AnswerMessage.from_json(AnswerMessage(answer=sent).to_json()).answer == sent


def test_a_heartbeat_is_itself_again_whatever_else_it_holds() -> None:
    sent = Heartbeat("interactive:a:1:f", "interactive", beat=3, models=("one", "two"))
    assert Heartbeat.from_json(sent.to_json()) == sent
    assert Heartbeat.from_json(sent.to_json().replace("{", '{"news": 1, ', 1)) == sent
