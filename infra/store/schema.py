"""The store's schema: made in a new database, brought up in an older one, refused in a newer one.

Runs under the writers' lock, in one transaction, before anything else touches the store.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from commands.ports import StoreUnavailable
from infra.sql import answering
from infra.store.statements import take_lock

SCHEMA = "0003"
"""The newest migration: what this release reads and writes."""

VERSION_TABLE = "store_schema"


def bring_up(writing: Engine, reading: Engine) -> None:
    """Make or migrate the schema; `store_newer` where a newer release has written it."""
    with answering():
        with reading.connect() as connection:
            if _schema_of(connection) == SCHEMA:
                return
        with writing.begin() as connection:
            take_lock(connection)
            # Another process may have been faster.
            if _schema_of(connection) != SCHEMA:
                _migrate(connection)


def _schema_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection) -> None:
    # Imported here: only a new or an older store pays for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    found = _schema_of(connection)
    if found is not None and found not in known:
        raise StoreUnavailable(
            "store_newer", f"the store has schema {found}, this release knows up to {SCHEMA}: update Finshift"
        )
    command.upgrade(config, SCHEMA)
