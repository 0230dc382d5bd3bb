"""Which workers are there, by their heartbeats in Redis, and what they have done together.

A worker lives as long as its beat count grows, measured by this process's own clock, so that
neither another machine's clock nor a Redis that was wiped can declare it dead.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from redis.asyncio import Redis
from redis.exceptions import RedisError

from wire.messages import Heartbeat
from wire.names import HEARTBEAT_S, INTERACTIVE, LIFE_SIGN_S, QUEUES, WORKERS, heartbeat_key

log = logging.getLogger(__name__)

NOT_ASKED = "Redis was not asked yet"
COUNTS = (
    "batches",
    "images",
    "rejected",
    "expired",
    "busy_seconds",
    "waits",
    "wait_seconds",
    "shards",
    "shard_seconds",
)


@dataclass
class _Seen:
    heartbeat: Heartbeat
    at_s: float


@dataclass(frozen=True)
class RosterState:
    """What is known of the workers now.

    trouble: why Redis cannot be asked, None if it can. queue_messages: messages that wait.
    totals: `COUNTS` of all workers there have been since this process began; they never shrink.
    """

    workers: tuple[Heartbeat, ...] = ()
    trouble: str | None = NOT_ASKED
    queue_messages: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)

    def of(self, queue: str) -> tuple[Heartbeat, ...]:
        """The workers of `queue` that take work."""
        return tuple(one for one in self.workers if one.queue == queue and not one.leaving)


class Roster:
    """Asks Redis every second.

    on_loss: awaited whenever a worker has died or left.
    """

    def __init__(self, client: "Redis", on_loss: Callable[[], Awaitable[None]]) -> None:
        self._client, self._on_loss = client, on_loss
        self._seen: dict[str, _Seen] = {}
        self._counted: dict[str, Heartbeat] = {}
        self._totals: dict[str, float] = dict.fromkeys(COUNTS, 0)
        self._watching: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self.state = RosterState()

    def start(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop watching."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def interactive_workers(self) -> tuple[Heartbeat, ...]:
        """Those that take requests, once Redis has been asked; raises RedisError if it is away."""
        await self._asked.wait()
        if not self.state.of(INTERACTIVE):
            await self._ask()
        return self.state.of(INTERACTIVE)

    def living(self) -> frozenset[str]:
        """Ids of all workers that are alive, those that leave included."""
        return frozenset(self._seen)

    async def _watch(self) -> None:
        while True:
            before = self.living()
            try:
                await self._ask()
                if gone := before - self.living():
                    log.info("workers gone: %s", ", ".join(sorted(gone)))
                    await self._on_loss()
            except (RedisError, OSError) as error:
                if self.state.trouble in (None, NOT_ASKED):
                    log.warning("Redis cannot be reached: %s", error)
                self.state = RosterState((), str(error), {}, dict(self._totals))
            self._asked.set()
            await asyncio.sleep(HEARTBEAT_S)

    async def _ask(self) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.smembers(WORKERS)
            for queue in QUEUES:
                pipe.llen(queue)
            members, *lengths = await pipe.execute()
        names = sorted(member.decode() for member in members)
        texts = await self._client.mget([heartbeat_key(name) for name in names]) if names else []
        silent = [name for name, text in zip(names, texts, strict=True) if text is None]
        if silent:
            await self._client.srem(WORKERS, *silent)
        if self.state.trouble not in (None, NOT_ASKED):
            log.info("Redis is back")
            self._give_time_to_report()
        for text in texts:
            if text is not None:
                self._hear(Heartbeat.from_json(text))
        self._forget_the_dead(said=frozenset(names) - frozenset(silent))
        self.state = RosterState(
            tuple(seen.heartbeat for seen in self._seen.values()),
            None,
            dict(zip(QUEUES, lengths, strict=True)),
            dict(self._totals),
        )

    def _hear(self, heartbeat: Heartbeat) -> None:
        last = self._seen.get(heartbeat.worker)
        if last is not None and last.heartbeat.beat == heartbeat.beat:
            return
        self._seen[heartbeat.worker] = _Seen(heartbeat, time.monotonic())
        counted = self._counted.get(heartbeat.worker)
        for name in COUNTS:
            before = getattr(counted, name) if counted is not None else 0
            self._totals[name] += getattr(heartbeat, name) - before
        self._counted[heartbeat.worker] = heartbeat

    def _give_time_to_report(self) -> None:
        """Nobody could be heard while Redis was away."""
        for seen in self._seen.values():
            seen.at_s = time.monotonic()

    def _forget_the_dead(self, said: frozenset[str]) -> None:
        now_s = time.monotonic()
        for name, seen in list(self._seen.items()):
            has_left = seen.heartbeat.leaving and name not in said
            if has_left or now_s - seen.at_s > LIFE_SIGN_S:
                del self._seen[name]
