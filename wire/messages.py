"""What goes over the wire: the request's message, the worker's heartbeat, the answer."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ipvit.errors import IPViTError
from wire.errors import error_as_dict, error_from_dict


@dataclass(frozen=True)
class RequestMessage:
    """An analysis to run; its blobs are in Redis.

    service: the process that waits for the answer. deadline_ms: of the whole request, so that a
    worker knows by the hash's time to live how long it has waited.
    """

    request: str
    service: str
    task: str
    params: Mapping[str, Any]
    deadline_ms: int


@dataclass(frozen=True)
class Heartbeat:
    """What a worker tells about itself every second; counts are since its start.

    beat: grows by one each time. leaving: it takes no more work. waits, wait_seconds: messages
    taken, and how long they waited in the queue. shards, shard_seconds: finished ones.
    """

    worker: str
    queue: str
    beat: int = 0
    leaving: bool = False
    host: str = ""
    pid: int = 0
    device: str = ""
    precision: str = ""
    models: tuple[str, ...] = ()
    in_flight: int = 0
    waiting_images: int = 0
    busy_lanes: int = 0
    batches: int = 0
    images: int = 0
    rejected: int = 0
    expired: int = 0
    busy_seconds: float = 0.0
    images_per_s: float = 0.0
    waits: int = 0
    wait_seconds: float = 0.0
    shards: int = 0
    shard_seconds: float = 0.0

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "Heartbeat":
        """Read it; fields of a newer worker are left out."""
        told = json.loads(text)
        known = {name: told[name] for name in cls.__dataclass_fields__ if name in told}
        return cls(**known | {"models": tuple(known.get("models", ()))})


@dataclass(frozen=True)
class AnswerMessage:
    """What became of a request: an answer or an error."""

    answer: Mapping[str, Any] | None = None
    error: IPViTError | None = field(default=None, compare=False)

    def to_json(self) -> bytes:
        """As JSON."""
        if self.error is not None:
            return json.dumps({"error": error_as_dict(self.error)}).encode()
        return json.dumps({"answer": self.answer}, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "AnswerMessage":
        """Read it."""
        told = json.loads(text)
        if "error" in told:
            return cls(error=error_from_dict(told["error"]))
        return cls(answer=told["answer"])
