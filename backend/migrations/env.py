"""Run by Alembic for every command, on the connection that `backend.migrations` hands over."""

from alembic import context

from backend.db import metadata
from backend.migrations.compare import is_ours

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=is_ours,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
