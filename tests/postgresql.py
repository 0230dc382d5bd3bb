"""A real PostgreSQL server of a test's own, which it may stop and start."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg import sql

START_S = 60
ORDINARY_USER = "postgres"


class PostgreSQL:
    """A server on a free port of this machine, its data in a folder of its own.

    The server refuses to run as root, so root starts it as the user that Debian's package made.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ipvit-postgresql-"))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self._folder, ORDINARY_USER, ORDINARY_USER)
        self._run("initdb", "-D", "data", "-U", "ipvit", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start, and return once it answers."""
        arguments = ["-D", "data", "-p", str(self._port), "-c", "listen_addresses=127.0.0.1"]
        arguments += ["-c", "unix_socket_directories=", "-c", "fsync=off"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_program("postgres")), *arguments], stderr=log, **self._as_ordinary_user()
            )
        end = monotonic() + START_S
        while True:
            try:
                psycopg.connect(self._url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert monotonic() < end, "PostgreSQL did not start"
                sleep(0.05)

    def stop(self) -> None:
        """Cut all connections and stop; what was committed is kept."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_S)
            self._process = None

    def close(self) -> None:
        """Stop and forget everything."""
        self.stop()
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://ipvit@127.0.0.1:{self._port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(_program(program)), *arguments],
            check=True,
            capture_output=True,
            **self._as_ordinary_user(),
        )

    def _as_ordinary_user(self) -> dict[str, Any]:
        user = {"user": ORDINARY_USER, "group": ORDINARY_USER, "extra_groups": []}
        return {"cwd": self._folder, **(user if os.geteuid() == 0 else {})}


def _program(name: str) -> Path:
    """The newest installed one; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found:
        return found[-1]
    on_path = shutil.which(name)
    assert on_path, f"expected PostgreSQL's {name}; `make services` installs it"
    return Path(on_path)
