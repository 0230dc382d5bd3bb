"""The database comes and goes, is made by several at once, and is of the right version."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from ipvit.errors import StoreUnavailable
from jobs.database import Database
from jobs.store import JobStore
from jobs.tables import Base
from tests.jobs.test_store import submit, work_off
from tests.postgresql import PostgreSQL


def driver_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def test_the_migrations_make_the_tables(database_url: str) -> None:
    store = JobStore(database_url)
    store.jobs()
    store.close()
    engine = create_engine(driver_url(database_url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_many_processes_may_be_the_first(database_url: str) -> None:
    stores = [JobStore(database_url, patience_s=30) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda store: store.jobs(), stores)) == [[]] * 6
    for store in stores:
        store.close()


def test_the_database_of_a_newer_version_is_refused(database_url: str) -> None:
    store = JobStore(database_url)
    store.jobs()
    store.close()
    engine = create_engine(driver_url(database_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    store = JobStore(database_url)
    with pytest.raises(StoreUnavailable, match="another's"):
        store.jobs()
    store.close()


def test_a_stopped_server_is_waited_for(postgresql: PostgreSQL) -> None:
    store = JobStore(postgresql.new_database(), patience_s=60)
    job = submit(store)
    postgresql.stop()
    back = Thread(target=postgresql.start)
    back.start()
    assert work_off(store) == 4
    back.join()
    assert store.job(job.id).progress.shards_done == 4
    store.close()


def test_a_server_that_stays_away_is_told(postgresql: PostgreSQL) -> None:
    store = JobStore(postgresql.new_database(), patience_s=0.2)
    store.jobs()
    postgresql.stop()
    try:
        with pytest.raises(StoreUnavailable, match=r"has not answered for 0\.2 s"):
            store.jobs()
    finally:
        postgresql.start()
    assert store.jobs() == []
    store.close()


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = JobStore(f"sqlite:///{path}", patience_s=30)
    store.jobs()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    begun = Event()

    def let_go() -> None:
        begun.wait(30)
        other.execute("COMMIT")

    thread = Thread(target=let_go)
    thread.start()
    begun.set()
    submit(store)
    thread.join()
    other.close()
    store.close()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = JobStore(f"sqlite:///{path}", patience_s=0.1)
    store.jobs()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.jobs() == []
    other.execute("COMMIT")
    other.close()
    store.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = JobStore(f"sqlite:///{tmp_path}/file/jobs.sqlite3")
    with pytest.raises(StoreUnavailable, match="folder"):
        store.jobs()
    store.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.write_text("this is no database " * 100)
    store = JobStore(f"sqlite:///{path}", patience_s=0.1)
    with pytest.raises(StoreUnavailable, match="not a database"):
        store.jobs()
    store.close()


def test_an_error_of_ours_is_not_tried_again(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/jobs.sqlite3", patience_s=30)
    attempts = []

    def broken(*_: object) -> None:
        attempts.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        database.write(broken)
    assert len(attempts) == 1
    database.close()
