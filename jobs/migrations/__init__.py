"""Alembic migrations of the job store; `jobs.schema` runs them."""
