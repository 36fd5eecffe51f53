"""What every table of a database holds, in a form that two databases can be compared by."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_TABLES = text("""
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    ORDER BY c.relname
""")


class TableFacts(msgspec.Struct, frozen=True):
    """rows: how many. content: a sum over the rows' own hashes, whatever their order; 0 for none."""

    rows: int
    content: str


async def table_names(tx: AsyncConnection) -> list[str]:
    """Our tables: not those of extensions, nor unlogged ones, which hold nothing worth keeping."""
    return [row.relname for row in await tx.execute(_TABLES)]


async def table_facts(tx: AsyncConnection) -> dict[str, TableFacts]:
    """Of every table. Reads all of them once."""
    for how in ("timezone = 'UTC'", "datestyle = 'ISO, YMD'", "bytea_output = 'hex'", "extra_float_digits = 1"):
        await tx.execute(text(f"SET LOCAL {how}"))
    return {name: await _facts(tx, name) for name in await table_names(tx)}


async def _facts(tx: AsyncConnection, name: str) -> TableFacts:
    quoted = name.replace('"', '""')
    hashed = "('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint"
    query = f'SELECT count(*) AS rows, coalesce(sum({hashed}::numeric), 0)::text AS content FROM "{quoted}" t'  # noqa: S608 - names are the catalogue's
    row = (await tx.execute(text(query.replace(":", "\\:")))).one()
    return TableFacts(row.rows, row.content)
