"""How Alembic runs here: always inside the connection and the transaction that `infra.store.schema` hands over."""

from __future__ import annotations

from alembic import context

from infra.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite's DDL is transactional too: a migration that is cut off leaves the store as it was.
    transactional_ddl=True,
    render_as_batch=True,
    version_table="store_schema",
)
context.run_migrations()
