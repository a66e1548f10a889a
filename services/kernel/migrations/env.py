"""The one alembic environment of all services: the caller brings the connection, the service brings the versions."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
