"""A worker's heartbeat in Redis: that it is ready, what it has loaded, and what it has done.

Celery's own "ready" says only that a process listens. This key is written once models are loaded
and warm, every second from then on, and lives a little longer than that.
"""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from threading import Event, Thread

import redis

from wire.messages import Heartbeat
from wire.names import HEARTBEAT_S, HEARTBEAT_TTL_S, WORKERS, heartbeat_key

log = logging.getLogger(__name__)


class Presence:
    """Beats on a thread of its own, from `start` until `end` or the end of the process.

    tell: the worker's numbers; name, host, process id and beat are filled in here.
    """

    def __init__(self, client: redis.Redis, worker: str, tell: Callable[[], Heartbeat]) -> None:
        self.worker = worker
        self._client, self._tell = client, tell
        self._beats = 0
        self._leaving = False
        self._told_of_trouble = False
        self._ended = Event()
        self._thread = Thread(target=self._beat_on, name="presence", daemon=True)

    def start(self) -> None:
        """Say that the worker is ready."""
        self._thread.start()

    def leaving(self) -> None:
        """Say from now on that the worker takes no more work; it may still finish some."""
        self._leaving = True

    def end(self) -> None:
        """Say that the worker has gone."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._client.delete(heartbeat_key(self.worker))
            self._client.srem(WORKERS, self.worker)
        except redis.RedisError as error:
            log.debug("left without a goodbye: %s", error)

    def _beat_on(self) -> None:
        while not self._ended.is_set():
            self._beat()
            self._ended.wait(HEARTBEAT_S)

    def _beat(self) -> None:
        self._beats += 1
        news = replace(
            self._tell(),
            worker=self.worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            beat=self._beats,
            leaving=self._leaving,
        )
        try:
            with self._client.pipeline() as pipe:
                pipe.sadd(WORKERS, self.worker)
                pipe.set(heartbeat_key(self.worker), news.to_json(), ex=HEARTBEAT_TTL_S)
                pipe.execute()
            self._told_of_trouble = False
        except redis.RedisError as error:
            if not self._told_of_trouble:
                log.warning("no heartbeat reached Redis: %s", error)
            self._told_of_trouble = True
