"""Alembic runs this file: migrate on the connection that `store.migrate` hands over."""

from alembic import context

from forescale.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
