"""Alembic's entry; the work is shared."""

from shared.migrations import run_from_env

run_from_env()
