"""A real Redis of a test's own, which it may stop, wipe and start again."""

import shutil
import socket
import subprocess
from pathlib import Path
from time import monotonic, sleep

import redis

START_S = 30


class RedisServer:
    """A server on a free port of this machine that keeps nothing on disk.

    So one that was stopped and started again is one that was wiped.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self._port}/0"

    def client(self) -> redis.Redis:
        """To look inside."""
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        """Start, and return once it answers."""
        program = shutil.which("redis-server")
        assert program, "expected redis-server; `make services` installs it"
        options = ["--port", str(self._port), "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, *options, "--dir", str(self._folder)], stdout=log, stderr=log
            )
        end = monotonic() + START_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert self._process.poll() is None, "redis-server ended"
                    assert monotonic() < end, "redis-server did not start"
                    sleep(0.05)

    def stop(self) -> None:
        """Cut all connections and forget everything."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)
            self._process = None
