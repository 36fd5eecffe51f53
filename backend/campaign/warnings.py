"""Warnings as they come in: judged, kept, and told of; what holds now. Begin at `take_in`; `run_out` ends what has had its time.

What concerns another place is counted and forgotten: a national feed touches only what is ours. What cannot be read, or is not signed
as it must be, is kept with the reason, once, so that somebody sees it. Two that come at once are judged one after the other.
"""

import asyncio
import hashlib
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks, log, metrics
from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.campaign import chain, hazard, signed, warned
from backend.campaign.cap import Alert, Info, Oddity
from backend.campaign.cap_read import read
from backend.campaign.chain import BECAUSE_WORDS, Held, Verdict
from backend.campaign.hazard import Colour, Hazard, Warned
from backend.campaign.plan import holding
from backend.campaign.signed import SIGNATURE_WORDS, SignatureState
from backend.campaign.warned import Ground
from backend.errors import Invalid
from backend.ids import new_id
from backend.office import Office

LASTS: Final = timedelta(hours=24)
"""So long a warning holds that names no end."""
LOOKED_BACK: Final = timedelta(days=60)
MOST_CODES_SAID: Final = 20
KINDS = {
    "opens": "warning.issued",
    "upgrades": "warning.upgraded",
    "downgrades": "warning.downgraded",
    "continues": "warning.continued",
    "lifts": "warning.lifted",
    "ignored": "warning.ignored",
}
State = Literal["live", "replaced", "lifted", "over", "ignored", "refused"]


class Said(Struct, frozen=True, kw_only=True):
    """The warning in its own words, Chinese and English, empty where it has none; oddities: what was read tolerantly."""

    event_zh: str = ""
    event_en: str = ""
    headline_zh: str = ""
    headline_en: str = ""
    description_zh: str = ""
    description_en: str = ""
    instruction_zh: str = ""
    instruction_en: str = ""
    where: str = ""
    oddities: list[Oddity] = []


class WarningKept(Struct, frozen=True, kw_only=True):
    """One warning. deed: what it did when it came; because_zh, because_en: why nothing, or why it could not be read.

    chain_id: what is one and the same event. regions: of this city; the whole of it by its own code. signature: whether it is signed,
    and whether that was verified. without_plan: it holds, and the policy has no plan for it: no campaign opens.
    """

    id: UUID
    chain_id: UUID
    source: str
    sender: str
    identifier: str
    sent: datetime
    hazard: Hazard
    colour: Colour | None
    regions: list[str]
    is_drawn: bool
    told: Said
    signature: SignatureState
    signature_zh: str
    signature_en: str
    deed: str
    because: str | None
    because_zh: str | None
    because_en: str | None
    state: State
    received_at: datetime
    state_since: datetime
    expires_at: datetime | None
    without_plan: bool


class Understood(Struct, frozen=True, kw_only=True):
    """A warning that was read, and what it means here."""

    alert: Alert
    said: Warned
    ground: Ground
    signature: SignatureState


class Taken(Struct, frozen=True, kw_only=True):
    """What became of one that came. id: None for what is not kept (known already, or not ours)."""

    id: UUID | None
    deed: str
    because: str | None = None
    because_zh: str | None = None
    because_en: str | None = None


async def take_in(office: Office, content: bytes, *, source: str, by: Actor, now: datetime) -> Taken:
    """One warning as bytes of XML. Never raises for what is in it: what cannot be read is kept as refused."""
    demand(office.city.policy.roles, by, "weather:write", Object(regions=office.city.whole))
    try:
        # In a thread: a long one must not hold up whoever else is being served.
        one = await asyncio.to_thread(understand, office, content, source, now)
    except Invalid as refused:
        return await _refuse(office, content, refused, source=source, by=by, now=now)
    async with office.begin() as tx:
        await locks.hold(tx, f"warnings:{office.city_id}")
        known = await _known(tx, office, now)
        verdict = chain.judge(one.alert, one.said, one.ground, known, now=now, lasts=LASTS)
        metrics.WARNINGS.labels(verdict.because or verdict.deed).inc()
        if verdict.because in ("known", "elsewhere") or await _is_told(tx, office, one, verdict, now):
            return _taken(None, verdict)
        row = _row(one, verdict, source=source, now=now)
        ended = await _end(tx, office, verdict.ends, "lifted" if verdict.deed == "lifts" else "replaced", now)
        packed = {"content": zlib.compress(content)}
        await tx.execute(insert(db.warnings).values(city_id=office.city_id, **row, **packed))
        await _tell(tx, office, KINDS[verdict.deed], [_fact(row), *ended], row, by=by, now=now)
    return _taken(row["id"], verdict)


def understand(office: Office, content: bytes, source: str, now: datetime) -> Understood:
    """What it says and what of it is ours; of a signed one only what is signed. Raises Invalid for what is not to be acted upon."""
    alert = read(content, office.city.zone)
    checked = signed.check(content, alert.sender, source, office.signers, now)
    if checked.state == "good":
        alert = read(checked.content, office.city.zone)
    ground = warned.where(alert, office.city)
    return Understood(alert=alert, said=hazard.of(alert), ground=ground, signature=checked.state)


async def _is_told(tx: AsyncConnection, office: Office, one: Understood, verdict: Verdict, now: datetime) -> bool:
    """Of a sender whose codes nobody here knows one warning a day is kept, so that somebody sees that a table is wanted."""
    if verdict.because != "unplaced":
        return False
    w = db.warnings.c
    same = (w.city_id == office.city_id) & (w.sender == one.alert.sender) & (w.because == "unplaced")
    return bool((await tx.execute(select(exists().where(same, w.received_at > now - LASTS)))).scalar_one())


def _taken(id_: UUID | None, verdict: Verdict) -> Taken:
    zh, en = BECAUSE_WORDS[verdict.because] if verdict.because else (None, None)
    return Taken(id=id_, deed=verdict.deed, because=verdict.because, because_zh=zh, because_en=en)


def _row(one: Understood, verdict: Verdict, *, source: str, now: datetime) -> dict[str, Any]:
    alert, said, ground = one.alert, one.said, one.ground
    id_ = new_id()
    return {
        "id": id_,
        "chain_id": verdict.chain or id_,
        "source": source,
        "sender": alert.sender,
        "identifier": alert.identifier,
        "sent": alert.sent,
        "msg_type": alert.msg_type,
        "status": alert.status,
        "hazard": said.hazard,
        "colour": said.colour,
        "regions": list(ground.regions),
        "drawn": ground.drawn,
        "is_elsewhere": ground.is_elsewhere,
        "refers_to": [list(reference.key) for reference in alert.references],
        "told": msgspec.to_builtins(_words(alert, ground)),
        "signature": one.signature,
        "deed": verdict.deed,
        "because": verdict.because,
        "state": "ignored" if verdict.deed in ("ignored", "lifts") else "live",
        "received_at": now,
        "state_since": now,
        "expires_at": verdict.expires,
    }


def _words(alert: Alert, ground: Ground) -> Said:
    zh = next((info for info in alert.infos if info.is_chinese), Info())
    en = next((info for info in alert.infos if not info.is_chinese), Info())
    where = "、".join(dict.fromkeys(area.words for info in (zh, en) for area in info.areas if area.words))
    return Said(
        event_zh=zh.event,
        event_en=en.event,
        headline_zh=zh.headline,
        headline_en=en.headline,
        description_zh=zh.description,
        description_en=en.description,
        instruction_zh=zh.instruction,
        instruction_en=en.instruction,
        where=where,
        oddities=[*alert.oddities, *_unmatched(ground)],
    )


def _unmatched(ground: Ground) -> list[Oddity]:
    """The codes that were not looked at, said once."""
    if not ground.unmatched:
        return []
    shown = "、".join(f"{name} {code}" for name, code in ground.unmatched[:MOST_CODES_SAID])
    more = len(ground.unmatched) - MOST_CODES_SAID
    zh, en = (f"等 {len(ground.unmatched)} 个", f" and {more} more") if more > 0 else ("", "")
    return [
        Oddity(
            "unknown_codes", f"本市没有这些代码的对照表：{shown}{zh}。", f"No table here for these codes: {shown}{en}."
        )
    ]


async def source_failed(office: Office, source: str, why: Invalid, *, by: Actor, now: datetime) -> Taken:
    """A source answers something that is no list and no warning, or nothing: kept, for each reason once a day."""
    return await _refuse(office, b"", why, source=source, by=by, now=now, mark=f"{why.code}:{now.date().isoformat()}")


async def _refuse(
    office: Office, content: bytes, why: Invalid, *, source: str, by: Actor, now: datetime, mark: str | None = None
) -> Taken:
    """Kept once, however often a source goes on sending it."""
    mark = mark or f"sha256:{hashlib.sha256(content).hexdigest()}"
    told = Said(description_zh=why.zh, description_en=why.en)
    id_ = new_id()
    row = {"id": id_, "chain_id": id_, "source": source, "sender": source, "identifier": mark, "sent": now}
    row |= {"msg_type": "", "status": "", "hazard": "other", "told": msgspec.to_builtins(told), "deed": "ignored"}
    row |= {"because": why.code, "state": "refused", "received_at": now, "state_since": now}
    row["signature"] = "bad" if why.code == "bad_signature" else "none"
    metrics.WARNINGS.labels("refused").inc()
    w = db.warnings.c
    same = select(w.id).where(w.city_id == office.city_id, w.sender == source, w.identifier == mark)
    async with office.begin() as tx:
        await locks.hold(tx, f"warnings:{office.city_id}")
        if (known := (await tx.execute(same)).scalar()) is None:
            packed = {"content": zlib.compress(content[:LARGEST_KEPT_BYTES])}
            await tx.execute(insert(db.warnings).values(city_id=office.city_id, **row, **packed))
            await _tell(tx, office, "warning.refused", [_fact(row)], row, by=by, now=now)
    return Taken(id=known or id_, deed="ignored", because=why.code, because_zh=why.zh, because_en=why.en)


LARGEST_KEPT_BYTES: Final = 100_000
"""Of what cannot be read so much is kept, to be looked at."""


async def due(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 100) -> list[UUID]:
    """The warnings that hold and whose time is over."""
    w = db.warnings.c
    query = select(w.id).where(w.city_id == office.city_id, w.state == "live", w.expires_at <= now)
    return list((await tx.execute(query.order_by(w.expires_at).limit(limit))).scalars())


async def run_out(office: Office, warning_id: UUID, *, by: Actor, now: datetime) -> bool:
    """Its time is over. False when it held no more, or was prolonged."""
    async with office.begin() as tx:
        await locks.hold(tx, f"warnings:{office.city_id}")
        w = db.warnings.c
        mine = select(db.warnings).where(w.city_id == office.city_id, w.id == warning_id, w.state == "live")
        row = (await tx.execute(mine.where(w.expires_at <= now))).mappings().first()
        if row is None:
            return False
        ended = await _end(tx, office, [warning_id], "over", now)
        await _tell(tx, office, "warning.over", ended, dict(row), by=by, now=now)
    return True


async def _end(
    tx: AsyncConnection, office: Office, ids: Sequence[UUID], state: State, now: datetime
) -> list[dict[str, Any]]:
    w = db.warnings.c
    for id_ in ids:
        mine = (w.city_id == office.city_id) & (w.id == id_)
        await tx.execute(update(db.warnings).where(mine).values(state=state, state_since=now))
    return [{"id": id_, "state": state} for id_ in ids]


def _fact(row: dict[str, Any]) -> dict[str, Any]:
    """What the log keeps of a warning: who said what of which ground, not its words."""
    named = ("id", "chain_id", "sender", "identifier", "hazard", "colour", "deed", "because", "state", "expires_at")
    return {name: row[name] for name in named if name in row}


async def _tell(
    tx: AsyncConnection, office: Office, kind: str, rows: list[dict[str, Any]], about: dict[str, Any], *, by: Actor, now: datetime
) -> None:  # fmt: skip
    regions = office.city.lineage(about.get("regions") or office.city.whole)
    facts = {name: about.get(name) for name in ("hazard", "colour", "chain_id")}
    entry = log.Entry(kind=kind, actor=by, occurred_at=now, data={"rows": {"warnings": rows}, **facts}, regions=regions)
    await log.append(tx, office.city_id, [entry], now=now)


async def _known(tx: AsyncConnection, office: Office, now: datetime) -> list[Held]:
    """All that can still matter: what holds, and what came lately."""
    w = db.warnings.c
    recent = (w.received_at > now - LOOKED_BACK) | (w.state == "live")
    query = select(db.warnings).where(w.city_id == office.city_id, w.state != "refused", recent)
    return [
        Held(
            id=row.id,
            chain=row.chain_id,
            key=(row.sender, row.identifier),
            sent=row.sent,
            hazard=row.hazard,
            colour=row.colour,
            regions=tuple(row.regions),
            references=tuple((sender, identifier) for sender, identifier in row.refers_to),
            live=row.state == "live",
            elsewhere=row.is_elsewhere,
        )
        for row in await tx.execute(query)
    ]


async def list_warnings(
    tx: AsyncConnection, office: Office, by: Actor, *, since: datetime, live_only: bool = False
) -> list[WarningKept]:
    """What holds now, and unless `live_only` what came since then; newest first."""
    demand(office.city.policy.roles, by, "circle:read")
    w = db.warnings.c
    wanted = (w.state == "live") if live_only else (w.state == "live") | (w.received_at >= since)
    query = select(db.warnings).where(w.city_id == office.city_id, wanted).order_by(w.received_at.desc(), w.id.desc())
    return [_shown(office, row) for row in await tx.execute(query.limit(500))]


async def of_chains(tx: AsyncConnection, office: Office, chains: Sequence[UUID]) -> list[WarningKept]:
    """Every warning of these chains, newest first."""
    w = db.warnings.c
    query = select(db.warnings).where(w.city_id == office.city_id, w.chain_id.in_(chains))
    return [
        _shown(office, row) for row in await tx.execute(query.order_by(w.received_at.desc(), w.id.desc()).limit(500))
    ]


def _shown(office: Office, row: Any) -> WarningKept:
    zh, en = BECAUSE_WORDS.get(row.because, (row.told["description_zh"], row.told["description_en"]))
    why = (zh, en) if row.because else (None, None)
    signature_zh, signature_en = SIGNATURE_WORDS[row.signature]
    has_plan = holding(office.city.policy.campaign.plans, row.hazard, row.colour) is not None
    made = {"is_drawn", "told", "without_plan", "because_zh", "because_en", "signature_zh", "signature_en"}
    named = set(WarningKept.__struct_fields__) - made
    return WarningKept(
        **{name: getattr(row, name) for name in named},
        is_drawn=row.drawn is not None,
        told=msgspec.convert(row.told, Said),
        because_zh=why[0],
        because_en=why[1],
        signature_zh=signature_zh,
        signature_en=signature_en,
        without_plan=row.state == "live" and not has_plan,
    )
