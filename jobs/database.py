"""Transactions on SQLite or PostgreSQL that outlive a database which is away for a while.

Each piece of work is a function of a session and the time. It runs in one transaction, and again
in a new one after an error of the connection (stopped server, locked file, full disk), until the
caller's patience ends in StoreUnavailable. So every piece of work must be safe to repeat.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, extract, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from ipvit.errors import InvalidInput, StoreUnavailable

__all__ = ["Database"]

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Work = Callable[[Session, float], Answer]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
LOCK_WAIT_S = 5
BEGIN = "ipvit_begin"


class Database:
    """One database.

    url: "sqlite:///…" or "postgresql://…". patience_s: how long a call tries again.
    clock: seconds since 1970; by default the server's own, or this machine's for SQLite.
    """

    def __init__(
        self, url: str, *, patience_s: float, clock: Callable[[], float] | None = None
    ) -> None:
        self.url = _parse(url)
        self.patience_s = patience_s
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        self._clock = clock or (time.time if self._is_sqlite else None)
        self._engine = self._create_engine()
        self._writing = self._engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        self._migrated = False
        self._migrating = Lock()

    def write(self, work: Work[Answer]) -> Answer:
        """Run `work` in a transaction that nothing interleaves with."""
        return self._persistently(lambda: self._transact(self._writing, work))

    def read(self, work: Work[Answer]) -> Answer:
        """Run `work`, which changes nothing, on one consistent state."""
        return self._persistently(lambda: self._transact(self._engine, work))

    def close(self) -> None:
        """Let all connections go."""
        self._engine.dispose()

    def _transact(self, engine: Engine, work: Work[Answer]) -> Answer:
        self._migrate_once()
        with Session(engine, expire_on_commit=False) as session, session.begin():
            return work(session, self._now(session))

    def _now(self, session: Session) -> float:
        if self._clock is not None:
            return self._clock()
        return float(session.scalar(select(extract("epoch", func.clock_timestamp()))) or 0)

    def _persistently(self, attempt: Callable[[], Answer]) -> Answer:
        give_up_at = time.monotonic() + self.patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return attempt()
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                failure: Exception = error
            except DBAPIError as error:
                # SQLite calls a damaged file by the general name.
                if not error.connection_invalidated and type(error) is not DatabaseError:
                    raise
                failure = error
            if time.monotonic() + pause_s > give_up_at:
                raise StoreUnavailable(
                    f"the job database has not answered for {self.patience_s:g} s: "
                    f"{_first_line(failure)}"
                ) from failure
            log.warning("the job database is away, trying again: %s", _first_line(failure))
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _migrate_once(self) -> None:
        if self._migrated:
            return
        from jobs.schema import upgrade

        with self._migrating:
            if not self._migrated:
                self._make_folder()
                with self._writing.begin() as connection:
                    upgrade(connection)
                self._migrated = True

    def _make_folder(self) -> None:
        if self._is_sqlite:
            folder = Path(str(self.url.database)).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(f"the folder of the job database: {error}") from error

    def _create_engine(self) -> Engine:
        if not self._is_sqlite:
            # A short pre-ping replaces connections that a restart of the server has cut.
            return create_engine(
                self.url, pool_pre_ping=True, pool_timeout=5, connect_args={"connect_timeout": 5}
            )
        engine = create_engine(self.url, connect_args={"timeout": LOCK_WAIT_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


def _parse(url: str) -> URL:
    """Check `url`; PostgreSQL is reached by psycopg 3 whatever driver it names or leaves out."""
    expected = (
        "expected a database URL such as sqlite:////data/jobs.sqlite3 or postgresql://host/db"
    )
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidInput(
            f"{expected}; got {url.partition(':')[0]!r}", field="database_url"
        ) from error
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InvalidInput(f"{expected}; got one of {backend!r}", field="database_url")
    if parsed.database in (None, "", ":memory:"):
        raise InvalidInput(f"{expected}; got one without a file", field="database_url")
    return parsed.set(database=str(Path(str(parsed.database)).expanduser()))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let readers and one writer work side by side, and leave BEGIN to `_begin_sqlite`.

    synchronous NORMAL with a write-ahead log loses no consistency in a power cut; at worst the
    last commits, which are computed again.
    """
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once where it is needed: two readers cannot both become writers."""
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0][:200]
