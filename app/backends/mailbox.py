"""Requests to workers and their answers, over Redis.

A request's blobs go into a hash that lives as long as its deadline; a Celery message names it.
The worker stores the answer under a key and publishes that it is there; one pattern subscription
hears all such news for this process. News may be missed while the connection is down, so after
every (re)connection, and whenever a worker dies, each open request is looked at: its answer is
fetched, it is left with the living worker that took it, or it is sent once more.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.problems import NoWorker, QueueUnavailable
from ipvit.errors import Overloaded
from wire.messages import AnswerMessage, RequestMessage
from wire.names import (
    BLOB_PREFIX,
    GONE_CHANNEL,
    INTERACTIVE,
    TAKEN_BY,
    answer_key,
    answered_pattern,
    request_key,
)

log = logging.getLogger(__name__)

Send = Callable[[RequestMessage], Awaitable[None]]

CONNECTING_S = 1.0
"""How long a new request waits for the connection to Redis."""

GRACE_S = 5.0
"""How long open requests outlive the connection to Redis."""

SILENCE_S = 10.0
"""After so long without news the connection is asked whether it lives."""

RECONNECT_S = 0.1
MAX_SENDINGS = 3
LARGE_ANSWER_BYTES = 256 * 1024


@dataclass(eq=False)
class _Open:
    """A request on its way."""

    message: RequestMessage
    blobs: Mapping[str, bytes]
    expires_s: float
    answer: "asyncio.Future[bytes]"
    sendings: int = 1

    @property
    def left_ms(self) -> int:
        return math.ceil(1000 * (self.expires_s - time.monotonic()))


@dataclass(eq=False)
class Mailbox:
    """One for each process of the service.

    send: puts a message into the interactive queue. max_messages: that may wait there.
    living: ids of the workers that are alive.
    """

    client: "Redis"
    send: Send
    max_messages: int
    living: Callable[[], frozenset[str]]
    service: str = field(default_factory=lambda: uuid4().hex)
    _open: dict[str, _Open] = field(default_factory=dict)
    _connected: asyncio.Event = field(default_factory=asyncio.Event)
    _listening: "asyncio.Task[None] | None" = None
    _goodbyes: "set[asyncio.Task[None]]" = field(default_factory=set)

    def start(self) -> None:
        """Begin to listen."""
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        await asyncio.gather(*self._goodbyes, return_exceptions=True)

    async def ask(
        self, task: str, params: Mapping[str, Any], blobs: Mapping[str, bytes], deadline_s: float
    ) -> AnswerMessage:
        """What a worker makes of it.

        Raises QueueUnavailable, Overloaded if the queue is full, NoWorker if two workers died
        over it. Cancelled, it takes the request back.
        """
        message = RequestMessage(
            uuid4().hex, self.service, task, params, max(1, math.ceil(1000 * deadline_s))
        )
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        request = _Open(message, blobs, time.monotonic() + deadline_s, answer)
        await self._wait_for_connection()
        self._open[message.request] = request
        try:
            await self._deposit(request)
            await self.send(message)
            text = await answer
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis does not answer: {error}") from error
        finally:
            del self._open[message.request]
            if not answer.done() or answer.cancelled() or answer.exception() is not None:
                self._take_back(message.request)
        if len(text) > LARGE_ANSWER_BYTES:
            return await asyncio.to_thread(AnswerMessage.from_json, text)
        return AnswerMessage.from_json(text)

    async def recover(self) -> None:
        """Look after every open request; raises RedisError if Redis is away."""
        living = self.living()
        for request in list(self._open.values()):
            if request.answer.done():
                continue
            try:
                await self._look_after(request, living)
            except (QueueUnavailable, Overloaded) as error:
                request.answer.set_exception(error)

    async def _wait_for_connection(self) -> None:
        try:
            async with asyncio.timeout(CONNECTING_S):
                await self._connected.wait()
        except TimeoutError:
            raise QueueUnavailable("Redis cannot be reached") from None

    async def _deposit(self, request: _Open) -> None:
        key = request_key(request.message.request)
        # A hash must have a field: a request without blobs has the first one.
        fields: dict[Any, Any] = {"task": request.message.task}
        fields |= {BLOB_PREFIX + name: data for name, data in request.blobs.items()}
        async with self.client.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            pipe.hset(key, mapping=fields)
            pipe.pexpire(key, max(1, request.left_ms))
            pipe.llen(INTERACTIVE)
            *_, waiting = await pipe.execute()
        if waiting >= self.max_messages:
            raise Overloaded(
                f"expected at most {self.max_messages} requests to wait; got {waiting + 1}",
                retry_after_s=1.0,
            )

    def _take_back(self, request_id: str) -> None:
        """Let nobody work on it any more; in the background, whatever becomes of it."""
        goodbye = asyncio.create_task(self._say_gone(request_id))
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    async def _say_gone(self, request_id: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            async with self.client.pipeline(transaction=False) as pipe:
                pipe.delete(request_key(request_id), answer_key(request_id))
                pipe.publish(GONE_CHANNEL, request_id)
                await pipe.execute()

    async def _listen(self) -> None:
        """Hear news for ever; connect again after every failure."""
        down_since = time.monotonic()
        while True:
            try:
                async with self.client.pubsub() as channel:
                    await channel.psubscribe(answered_pattern(self.service))
                    await self._hear(channel)
            except (RedisError, OSError) as error:
                if self._connected.is_set():
                    log.warning("the connection to Redis is lost: %s", error)
                    self._connected.clear()
                    down_since = time.monotonic()
                if time.monotonic() - down_since > GRACE_S:
                    self._give_up(str(error))
            await asyncio.sleep(RECONNECT_S)

    async def _hear(self, channel: PubSub) -> None:
        asked = False
        while True:
            news = await channel.get_message(timeout=SILENCE_S)
            if news is None:
                if asked:
                    raise RedisConnectionError(f"no sign of life for {SILENCE_S} s")
                await channel.ping()
                asked = True
                continue
            asked = False
            if news["type"] == "psubscribe":
                self._connected.set()
                await self.recover()
            elif news["type"] == "pmessage":
                request = self._open.get(news["channel"].decode().rpartition(":")[2])
                if request is not None:
                    await self._fetch(request)

    async def _fetch(self, request: _Open) -> bool:
        text: Any = await self.client.getdel(answer_key(request.message.request))
        if text is None:
            return False
        if not request.answer.done():
            request.answer.set_result(text)
        return True

    async def _look_after(self, request: _Open, living: frozenset[str]) -> None:
        """Fetch its answer, leave it with the living worker that took it, or send it once more.

        A message may be lost with a worker that had not taken its request yet; one too many does
        no harm, because a request is taken once.
        """
        if await self._fetch(request) or request.answer.done() or request.left_ms <= 0:
            return
        key = request_key(request.message.request)
        async with self.client.pipeline(transaction=False) as pipe:
            pipe.exists(key)
            pipe.hget(key, TAKEN_BY)
            exists, taker = await pipe.execute()
        if taker is not None and taker.decode() in living:
            return
        # The answer may have come in between.
        if not exists and (await self._fetch(request) or request.answer.done()):
            return
        if request.sendings == MAX_SENDINGS:
            if taker is not None or not exists:
                request.answer.set_exception(
                    NoWorker("the workers that had this request have died; it is not tried again")
                )
            return
        request.sendings += 1
        log.info("request %s is sent again", request.message.request)
        if taker is not None or not exists:
            await self._deposit(request)
        await self.send(request.message)

    def _give_up(self, why: str) -> None:
        for request in self._open.values():
            if not request.answer.done():
                request.answer.set_exception(QueueUnavailable(f"Redis cannot be reached: {why}"))
