"""Changing the policy at the desk: looked at first, then written, and in force in every process within seconds.

`preview` changes nothing. `change_policy` stores the city's own text (what it decides differently from the defaults) and the
event `policy.changed`; what is under way keeps the deadlines it has.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, in_force, locks, log
from backend.access.actor import Actor
from backend.access.once import Once, first_answer, keep_answer
from backend.access.permissions import ANYTHING, allowed, demand
from backend.dispatch import proof
from backend.dispatch.words import readable
from backend.errors import Conflict, Invalid
from backend.office import Office
from backend.personal import sealed
from backend.policy import Policy, PolicyError, PolicyFault, default_text, parse_policy
from backend.policy.difference import RoleChange, SettingChange, changes, role_changes, roles_touched

FILE = "policy.toml"


class PolicyText(Struct, frozen=True, kw_only=True):
    """The city's own text in force, laid over the defaults. number: 0 while it is the file of the city's folder."""

    text: str
    digest: str
    number: int
    written_by: str | None
    written_at: datetime | None
    default_text: str


class PolicyPreview(Struct, frozen=True, kw_only=True):
    """What a text would change. problems: it cannot be used, and why; then nothing else is said.

    running_clocks: deadlines that run now and keep the time they have. in_force: the digest it was compared with.
    """

    problems: list[PolicyFault]
    digest: str | None
    in_force: str
    changes: list[SettingChange]
    roles: list[RoleChange]
    running_clocks: int


class PolicyChanged(Struct, frozen=True, kw_only=True):
    """The policy that is in force now, and the event that says so."""

    seq: int
    number: int
    digest: str


async def preview(office: Office, written: str, *, by: Actor) -> PolicyPreview:
    """What would change. Changes nothing."""
    old = office.city.policy
    try:
        new = parse_policy(written, FILE)
        _demand_a_way_back(new, by)
    except PolicyError as fault:
        return PolicyPreview(
            problems=fault.problems, digest=None, in_force=old.digest, changes=[], roles=[], running_clocks=0
        )
    c = db.clocks.c
    running = select(func.count()).select_from(db.clocks).where(c.city_id == office.city_id, c.ended_at.is_(None))
    async with office.db.connect() as tx:
        count: int = (await tx.execute(running)).scalar_one()
    return PolicyPreview(
        problems=[],
        digest=new.digest,
        in_force=old.digest,
        changes=changes(old, new),
        roles=role_changes(old, new),
        running_clocks=count,
    )


async def change_policy(
    office: Office, id_: UUID, written: str, *, expected_digest: str, reason: str, by: Actor, now: datetime
) -> PolicyChanged:
    """Put a text in force. expected_digest: of the policy that was in force when the writer looked.

    Raises PolicyError with every fault, Conflict `policy_moved` when another was quicker, Invalid without a reason.
    """
    demand(office.city.policy.roles, by, "policy:write")
    if not (reason := readable(reason)):
        raise Invalid("请写明修改理由。", "Say why.", field="reason")
    new = parse_policy(written, FILE)
    _demand_a_way_back(new, by)
    wants = {"text": written, "expected": expected_digest, "reason": reason}
    once = Once(id=id_, name="policy.change", by=by, now=now, wants=wants)
    async with office.begin() as tx:
        if (earlier := await first_answer(tx, office, once)) is not None:
            return msgspec.convert(earlier, PolicyChanged)
        await locks.hold(tx, f"policy:{office.city_id}")
        old, digest = await _in_force(tx, office)
        if digest != expected_digest:
            raise Conflict(
                "规则刚刚被他人修改，请重新载入后再改。",
                "Somebody has just changed the policy: load it again.",
                code="policy_moved",
            )
        answer = await _write(tx, office, id_, written, reason, old, new, by, now)
        await keep_answer(tx, office, once, answer)
    await in_force.follow(office)
    return answer


async def _in_force(tx: AsyncConnection, office: Office) -> tuple[Policy, str]:
    """The policy that is in force and its digest; one that this version cannot use is compared as what this process obeys."""
    last = await in_force.last_written(tx, office)
    if last is None or last.number == office.policy_number:
        return office.city.policy, office.city.policy.digest
    try:
        return parse_policy(last.text, in_force.named(last.number)), last.policy_hash
    except PolicyError:
        return office.city.policy, last.policy_hash


async def _write(
    tx: AsyncConnection,
    office: Office,
    id_: UUID,
    written: str,
    reason: str,
    old: Policy,
    new: Policy,
    by: Actor,
    now: datetime,
) -> PolicyChanged:
    last = await in_force.last_written(tx, office)
    row = {
        "city_id": office.city_id,
        "id": id_,
        "number": 1 if last is None else last.number + 1,
        "policy_hash": new.digest,
        "text": written,
        "written_by": by.id,
        "written_at": now,
    }
    await tx.execute(insert(db.policies).values(**sealed(office.ring, db.policies, {**row, "reason": reason})))
    told = {
        "policy_id": id_,
        "number": row["number"],
        "policy_hash": new.digest,
        "before": old.digest,
        "settings": [f"{one.section}.{one.key}" for one in changes(old, new)],
        "roles": roles_touched(old, new),
        "row_digest": proof.digest(row),
    }
    entry = log.Entry(kind="policy.changed", actor=by, occurred_at=now, regions=office.city.whole, data=told)
    [event] = await log.append(tx, office.city_id, [entry], now=now)
    return PolicyChanged(seq=event.seq, number=event.data["number"], digest=new.digest)


def _demand_a_way_back(new: Policy, by: Actor) -> None:
    """Whoever changes the policy must be able to change it back. Raises PolicyError."""
    if not allowed(new.roles, by, "policy:write", ANYTHING):
        zh = "这样改后您自己将不能再修改规则（缺少 policy:write@all）。"
        en = "after this you could not change the policy back (policy:write@all is missing)."
        raise PolicyError([PolicyFault(FILE, 1, "roles", zh, en)])


async def policy_text(tx: AsyncConnection, office: Office) -> PolicyText:
    """The city's own text as this process obeys it."""
    last = await in_force.last_written(tx, office)
    by_hand = last if last is not None and last.number == office.policy_number else None
    return PolicyText(
        text=office.city.policy_text,
        digest=office.city.policy.digest,
        number=office.policy_number,
        written_by=by_hand.written_by if by_hand else None,
        written_at=by_hand.written_at if by_hand else None,
        default_text=default_text(),
    )
