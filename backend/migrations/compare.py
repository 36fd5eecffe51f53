"""How the schema in code and the one in a database are laid side by side."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.schema import SchemaItem

from backend.db import metadata

POSTGIS_TABLES = frozenset({"spatial_ref_sys"})


def differences(connection: Connection) -> list[Any]:
    """What would have to change in the database to be what `backend.db` says; empty when they agree."""
    settings = {"include_object": is_ours, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=settings), metadata))


def is_ours(_item: SchemaItem, name: str | None, kind: str, _reflected: bool, _compare_to: SchemaItem | None) -> bool:
    """Leaves out what PostGIS brings along."""
    return not (kind == "table" and name in POSTGIS_TABLES)
