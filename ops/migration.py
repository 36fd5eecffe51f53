"""Writes the skeleton of the next migration (`make migration NAME=…`): what has to change for the tables of `backend.db`.

Starts a database of its own, migrates it, compares, and leaves the file to be read, put right and finished by hand: what a
comparison does not see (checks, comments, data to be moved) and the `phase` are a person's to decide. See
docs/operations.md, "Upgrading", and docs/decisions/0701.
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
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from backend import migrations
from backend.db import metadata
from backend.errors import Invalid
from backend.migrations.compare import is_ours
from ops.local import commands, services

VERSIONS = Path(__file__).parent.parent / "backend/migrations/versions"

HEAD = '''"""{says}"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography, Geometry
from sqlalchemy.dialects import postgresql

revision = "{revision}"
down_revision = "{after}"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
'''
TAIL = """

def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
"""


def main(arguments: list[str]) -> None:
    """Writes the file named after the one argument, and says so. Raises Invalid for a name that will not do."""
    name = "".join(arguments)
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,40}", name):
        raise Invalid("用法：make migration NAME=sealed_names", "Use: make migration NAME=sealed_names", field="NAME")
    with (
        tempfile.TemporaryDirectory(prefix="rc-migration-") as folder,
        services.running(Path(folder), given={"RESCUE_REDIS_URL": "unused"}, durable=False) as found,
    ):
        file = VERSIONS / f"{_next()}_{name}.py"
        file.write_text(asyncio.run(written(found.database_url, name)), encoding="utf-8")
    formatted = commands.run((sys.executable, "-m", "ruff", "check", "--fix", "--quiet", str(file)), within_s=30)
    formatted = commands.run((sys.executable, "-m", "ruff", "format", str(file)), within_s=30)
    if formatted.returncode != 0:
        raise SystemExit(formatted.stdout)
    print(f"已写入，请检查并补全 Written, to be read and finished by hand: {file}")


async def written(database_url: str, name: str) -> str:
    """The source of the next migration, for an empty database to compare with."""
    await migrations.upgrade_async(database_url)
    engine = create_async_engine(database_url.replace("postgresql:", "postgresql+asyncpg:", 1))
    try:
        async with engine.begin() as connection:
            body = await connection.run_sync(_body)
    finally:
        await engine.dispose()
    head = HEAD.format(says=f"{name.replace('_', ' ').capitalize()}.", revision=_next(), after=migrations.head())
    return f"{head}{body}{TAIL}"


def _next() -> str:
    return f"{int(migrations.head() or 0) + 1:04d}"


def _body(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"include_object": is_ours})
    script = produce_migrations(context, metadata)
    assert script.upgrade_ops is not None
    return _code(script.upgrade_ops, context)


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
    try:
        main(sys.argv[1:])
    except Invalid as wrong:
        raise SystemExit(f"{wrong.zh}\n{wrong.en}") from None
