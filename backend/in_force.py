"""Which policy is in force: the one written last at the desk, else the file in the city's folder.

Every process calls `follow` when it begins and again when something says that a policy was written: the hub at the event
`policy.changed`, the worker before each turn. Why the database goes before the file: docs/decisions/0901.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db import policies
from backend.office import Office
from backend.policy import PolicyError, parse_policy

CHANGED: Final = "policy.changed"

_log = structlog.get_logger("policy")


class Written(Struct, frozen=True, kw_only=True):
    """A policy as somebody wrote it: what the city decides differently from the defaults. number counts from 1."""

    id: UUID
    number: int
    policy_hash: str
    text: str
    written_by: str
    written_at: datetime


_COLUMNS = [policies.c[name] for name in Written.__struct_fields__]


async def last_written(tx: AsyncConnection, office: Office) -> Written | None:
    """The policy written last at the desk; None while the file is in force."""
    newest = select(*_COLUMNS).where(policies.c.city_id == office.city_id).order_by(policies.c.number.desc()).limit(1)
    row = (await tx.execute(newest)).first()
    return None if row is None else Written(**row._mapping)


async def follow(office: Office) -> bool:
    """This process decides by the policy in force from here on; False when it did so already.

    Raises PolicyError for a text that this version of the programme cannot use.
    """
    number = select(func.max(policies.c.number)).where(policies.c.city_id == office.city_id)
    async with office.db.connect() as tx:
        if ((await tx.execute(number)).scalar() or 0) <= office.policy_number:
            return False
        written = await last_written(tx, office)
    assert written is not None
    office.obey(parse_policy(written.text, named(written.number)), written.text, written.number)
    _log.info("policy", number=written.number, digest=office.city.policy.digest)
    return True


async def follow_if_usable(office: Office) -> None:
    """The same for a process at work: what a newer version wrote and this one cannot use is left, and said."""
    try:
        await follow(office)
    except PolicyError as fault:
        _log.error("the policy in force is not usable here", faults=len(fault.problems), first=fault.problems[0].en)


def named(number: int) -> str:
    """How faults name the text."""
    return f"policy.toml #{number}"
