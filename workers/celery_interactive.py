"""The interactive queue: one analysis a message, many at once in front of one `Runtime`.

The message was acknowledged when it was taken: nobody wants an answer twice. What makes that safe
is the request's hash in Redis: it is gone once its deadline has passed, its client has left or
its answer is written, and who takes it signs it, so that a message delivered twice is worked on
once.
"""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from threading import Lock, Thread

import redis

from ipvit.errors import IPViTError, UnknownName
from wire.messages import AnswerMessage, Heartbeat, RequestMessage
from wire.names import (
    ANSWER_TTL_S,
    BLOB_PREFIX,
    GONE_CHANNEL,
    INTERACTIVE,
    TAKEN_BY,
    answer_key,
    answered_channel,
    request_key,
)
from workers.calls import Call
from workers.intake import Intake
from workers.runtime import Runtime
from workers.tasks import TASKS

log = logging.getLogger(__name__)

# What is left of the deadline in ms, then fields and values in turns; nil for who comes too late.
TAKE = """
local left = redis.call('PTTL', KEYS[1])
if left <= 0 or redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return false end
return {left, redis.call('HGETALL', KEYS[1])}
"""

# Nobody waits for the answer of a request whose hash is gone.
ANSWER = """
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
redis.call('PUBLISH', ARGV[3], '')
return 1
"""

RECONNECT_S = 0.5


class InteractiveWork:
    """Answers requests.

    worker: this worker's name, by which it signs what it takes.
    """

    def __init__(
        self,
        client: redis.Redis,
        worker: str,
        runtime: Runtime,
        intake: Intake,
        *,
        device: str,
        saliency_model: str | None,
    ) -> None:
        self._client, self._worker = client, worker
        self._runtime, self._intake = runtime, intake
        self._device, self._saliency_model = device, saliency_model
        self._take, self._send = client.register_script(TAKE), client.register_script(ANSWER)
        self._calls: dict[str, Call] = {}
        self._counting = Lock()
        self._waits, self._wait_s = 0, 0.0

    def watch_for_leavers(self) -> None:
        """Call off, from a thread of its own, what nobody waits for any more."""
        Thread(target=self._watch, name="leavers", daemon=True).start()

    def answer(self, message: RequestMessage) -> None:
        """Take the request, run its task and send what came of it."""
        key = request_key(message.request)
        taken = self._take(keys=[key], args=[TAKEN_BY, self._worker])
        if taken is None:
            log.debug("request %s is late, gone or taken", message.request)
            return
        left_ms, pairs = taken
        self._count(message.deadline_ms - left_ms)
        blobs = _blobs(dict(zip(pairs[::2], pairs[1::2], strict=True)))
        try:
            result = AnswerMessage(answer=self._run(message, blobs, left_ms / 1000))
        except CancelledError:
            return
        except IPViTError as error:
            result = AnswerMessage(error=error)
        except Exception:
            log.exception("request %s failed", message.request)
            failure = IPViTError(f"the log of worker {self._worker} tells why")
            result = AnswerMessage(error=failure)
        channel = answered_channel(message.service, message.request)
        self._send(
            keys=[key, answer_key(message.request)],
            args=[result.to_json(), ANSWER_TTL_S, channel],
        )

    def heartbeat(self) -> Heartbeat:
        """This worker's numbers."""
        stats = self._runtime.stats()
        return Heartbeat(
            worker=self._worker,
            queue=INTERACTIVE,
            device=self._device,
            precision=self._runtime.precision,
            models=self._runtime.loaded(),
            in_flight=len(self._calls),
            waiting_images=stats.waiting_images,
            busy_lanes=stats.busy_lanes,
            batches=stats.batches,
            images=stats.images,
            rejected=stats.rejected,
            expired=stats.expired,
            busy_seconds=stats.lane_seconds,
            images_per_s=stats.images_per_s,
            waits=self._waits,
            wait_seconds=self._wait_s,
        )

    def _run(
        self, message: RequestMessage, blobs: Mapping[str, bytes], left_s: float
    ) -> Mapping[str, object]:
        if message.task not in TASKS:
            raise UnknownName("task", message.task, TASKS)
        call = Call(
            self._runtime, self._intake, deadline_s=left_s, saliency_model=self._saliency_model
        )
        self._calls[message.request] = call
        try:
            return TASKS[message.task](message.params, blobs, call)
        finally:
            del self._calls[message.request]

    def _count(self, waited_ms: int) -> None:
        with self._counting:
            self._waits += 1
            self._wait_s += max(0, waited_ms) / 1000

    def _watch(self) -> None:
        while True:
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(GONE_CHANNEL)
                    for news in channel.listen():
                        if call := self._calls.get(news["data"].decode()):
                            call.cancel()
            except redis.RedisError as error:
                log.debug("not told of leavers for a moment: %s", error)
                time.sleep(RECONNECT_S)


def _blobs(fields: Mapping[bytes, bytes]) -> dict[str, bytes]:
    prefix = BLOB_PREFIX.encode()
    return {
        name.removeprefix(prefix).decode(): value
        for name, value in fields.items()
        if name.startswith(prefix)
    }
