"""Bring a database to the newest schema, also when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from ipvit.errors import StoreUnavailable

__all__ = ["upgrade"]

MIGRATIONS = Path(__file__).parent / "migrations"
POSTGRESQL_LOCK = 0x19_71_76_69_74


def upgrade(connection: Connection) -> None:
    """Run what migrations are missing, inside the caller's transaction.

    On SQLite the transaction holds the write lock already; PostgreSQL gets a lock of our own, so
    that whoever comes second finds the work done.
    Raises StoreUnavailable if the database was made by a newer version of this project.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": POSTGRESQL_LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"expected a job database this version can read, got another's: {error}"
        ) from error
