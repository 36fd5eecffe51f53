"""`rescue document check`: whether a document is what was issued here, by the log, the database and the file."""

import asyncio
from pathlib import Path

from cyclopts import App

from backend.city import open_city
from backend.db import make_engine
from backend.office import Office
from backend.referral.forms.checking import Finding, check_file
from backend.settings import Settings
from ops.serve import settings_here

NOT_GENUINE = 1
SIGNS = {True: "✔", False: "✘", None: "·"}

app = App(name="document", help="文书：核对真伪。Documents: whether one is genuine.")


@app.command
def check(file: Path, code: str | None = None) -> int:
    """核对一份文书：文件、数据库和日志是否一致，逐项指出不符之处。Check a document: file, database and log; what differs is named.

    Parameters
    ----------
    file: 要核对的 PDF。The PDF to be checked.
    code: 纸面上的查验码；不给则用文件所载的。The code printed on it; without it the one in the file.
    """
    found = asyncio.run(_found(settings_here(), file.read_bytes(), code))
    print("\n".join(f"{SIGNS[one.good]} {one.zh}  {one.en}" for one in found))
    return NOT_GENUINE if any(one.good is False for one in found) else 0


async def _found(settings: Settings, content: bytes, code: str | None) -> list[Finding]:
    engine = make_engine(settings.database_url, pool_size=2, statement_timeout_s=300)
    office = Office(open_city(settings.city_folder), engine, ring=settings.ring)
    try:
        async with engine.connect() as tx:
            return await check_file(tx, office, content, code)
    finally:
        await engine.dispose()
