"""Writes the first migration from the tables in code (`make migration`), until the first release freezes it.

Run as `python -m ops.migration`: starts a database of its own to compare with, which is gone afterwards.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.migration import MigrationContext
from geoalchemy2 import Geography, Geometry
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from backend.db import metadata
from backend.migrations.compare import is_ours
from ops.local import commands, services

FIRST = Path(__file__).parent.parent / "backend/migrations/versions/0001_first.py"
POSTGIS = "CREATE EXTENSION IF NOT EXISTS postgis"

HEAD = '''"""The tables of the first release. Written by `make migration` from backend.db until then; by hand afterwards."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography, Geometry
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
'''
TAIL = """

def downgrade() -> None:
    raise NotImplementedError("There is nothing before the first release to go back to.")
"""


def main() -> None:
    """Writes `FIRST` and says so."""
    with (
        tempfile.TemporaryDirectory(prefix="rc-migration-") as folder,
        services.running(Path(folder), given={"RESCUE_REDIS_URL": "unused"}, durable=False) as found,
    ):
        FIRST.write_text(asyncio.run(_written(found.database_url)))
    formatted = commands.run((sys.executable, "-m", "ruff", "format", str(FIRST)), within_s=30)
    if formatted.returncode != 0:
        raise SystemExit(formatted.stdout)
    print(f"已写入 Written: {FIRST}")


async def _written(database_url: str) -> str:
    engine = create_async_engine(database_url.replace("postgresql:", "postgresql+asyncpg:", 1))
    try:
        async with engine.begin() as connection:
            await connection.execute(text(POSTGIS))
            return await connection.run_sync(_source)
    finally:
        await engine.dispose()


def _source(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"include_object": is_ours})
    script = produce_migrations(context, metadata)
    assert script.upgrade_ops is not None
    return f'{HEAD}\n\ndef upgrade() -> None:\n    op.execute("{POSTGIS}")\n{_code(script.upgrade_ops, context)}{TAIL}'


def _code(operations: UpgradeOps, context: MigrationContext) -> str:
    source = render_python_code(
        operations, render_item=_render_place, migration_context=context, user_module_prefix=None
    )
    without_remarks = re.sub(r"^ *# .*\n?", "", source, flags=re.MULTILINE)
    return without_remarks + ("" if without_remarks.endswith("\n") else "\n")


def _render_place(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Shapes as short as they are written by hand; False leaves the rendering to Alembic."""
    if kind == "type" and isinstance(item, Geography | Geometry):
        name = type(item).__name__
        return f'{name}("{item.geometry_type}", srid={item.srid}, spatial_index={item.spatial_index})'
    return False


if __name__ == "__main__":
    main()
