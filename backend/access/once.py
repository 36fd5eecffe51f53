"""A client's command that comes twice has one effect, and the second time the first answer (I8).

`first_answer` is asked at the beginning of a verb's transaction, `keep_answer` at its end. An answer is kept as it was given,
so nothing secret may stand in it.
"""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import and_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access.actor import Actor
from backend.db import commands
from backend.errors import Conflict
from backend.office import Office
from backend.sealing import Ring


class Once(Struct, frozen=True, kw_only=True):
    """One command: its client's id (None: it is sent once only), what it is called, who sends it, and what it wants.

    wants: what makes it another wish. It is hashed only, but quickly: no password may be in it.
    """

    id: UUID | None
    name: str
    by: Actor
    now: datetime
    wants: Any = None

    def fingerprints(self, ring: Ring) -> list[bytes]:
        """What was asked, so that the same id with another wish is noticed: keyed, since short words could be guessed from
        a plain hash. The first is kept; all fit, the last being how the version before kept it."""
        asked = self.name.encode() + msgspec.json.encode(self.wants, order="sorted")
        return [*ring.digests(asked, "commands.fingerprint"), hashlib.sha256(asked).digest()]


async def first_answer(tx: AsyncConnection, office: Office, command: Once) -> Any:
    """The first answer to this command's id as plain data, or None when it is new, which is then claimed until the commit.

    Raises Conflict `command_id_reused` when the id stood for something else or came from somebody else.
    """
    if command.id is None:
        return None
    fingerprints = command.fingerprints(office.ring)
    claim = upsert(commands).values(
        city_id=office.city_id,
        id=command.id,
        actor=command.by.id,
        name=command.name,
        fingerprint=fingerprints[0],
        created_at=command.now,
    )
    if (await tx.execute(claim.on_conflict_do_nothing().returning(commands.c.id))).first() is not None:
        return None
    mine = and_(commands.c.city_id == office.city_id, commands.c.id == command.id)
    first = (await tx.execute(select(commands).where(mine))).one()
    if first.actor != command.by.id or first.fingerprint not in fingerprints:
        raise Conflict(
            "这个操作编号已用于另一项操作，请重新生成编号。",
            "This command id has already been used for something else; make a new one.",
            code="command_id_reused",
        )
    return first.answer


async def keep_answer(tx: AsyncConnection, office: Office, command: Once, answer: Struct) -> None:
    """What the command is answered with from now on."""
    if command.id is not None:
        mine = and_(commands.c.city_id == office.city_id, commands.c.id == command.id)
        await tx.execute(update(commands).where(mine).values(answer=msgspec.to_builtins(answer)))
