"""What the log proves beyond the loop's own tables: who was on duty, who may sign in as what, which reports came in.

The tables of the loop are replayed row by row (backend.dispatch.replay). The others are told in facts of events; here
those facts are gathered by table and laid beside the rows. Begin at `contradictions`. `NOT_PROVEN` says what no event tells.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.dispatch import replay, words
from backend.office import Office
from backend.personal import SUFFIX

NOT_PROVEN = {
    "commands": "答复的副本 a copy of answers, kept for repeats",
    "devices": "登录状态 where a session's notices go",
    "events": "由哈希链证明 proven by its own chain",
    "facilities": "城市目录与管理员的维护 the city's folder, and administrators",
    "facility_places": "城市目录与管理员的维护 the city's folder, and administrators",
    "fixes": "轨迹不是事件 positions are not events",
    "known_devices": "登录状态 who signs in from where",
    "notice_receipts": "手机的回执 what phones say",
    "notices": "通知的进度，未送达另记事件 messages on their way; that nobody was reached is an event",
    "office_time": "时间校准 how clocks are put right",
    "outbox": "对外消息的队列 messages on their way",
    "parked_calls": "热线草稿，一天内删除 drafts of the hotline, gone within a day",
    "regions": "城市目录 the city's folder",
    "retention_runs": "各次清理记在日志中 each run is an event of its own",
    "sessions": "登录状态 who is signed in",
    "shifts": "排班计划 plans",
    "sign_in_attempts": "登录状态 failed attempts to sign in",
    "sighting_contacts": "个人信息不入日志 personal data stay out of the log",
    "streets": "城市目录 the city's folder",
    "sweeps": "巡查的排程 when cells are laid out and tours planned; cells, looks and tours are proven",
    "teams": "城市目录与值班长的维护 the city's folder, and shift leaders",
    "tickets": "三十秒有效 good for thirty seconds",
}
"""Tables that the log does not prove, and why."""

REGISTER = (db.persons, db.case_people, db.person_suggestions, db.stays, db.stay_clocks, db.returnees, db.home_visits)
"""The tables of the register of people, of which rows go when their time is over."""
Told = tuple[Table, str, dict[str, Any]]
"""A table, the id of one of its rows, and what an event says that the row's columns are."""


def _of_account(event: log.Event) -> Iterator[Told]:
    if "roles" in event.data:
        named = ("login", "roles", "regions", "team_id", "active")
        facility_id = event.data.get("facility_id")  # not told before accounts were of facilities
        yield db.accounts, event.data["account_id"], {**{k: event.data[k] for k in named}, "facility_id": facility_id}


def _of_key(event: log.Event) -> Iterator[Told]:
    if "roles" in event.data:
        told = {k: event.data[k] for k in ("partner", "roles", "regions")}
        yield db.api_keys, event.data["key_id"], {**told, "revoked_at": _revoked(event)}


def _revoked(event: log.Event) -> Any:
    return event.occurred_at if event.kind == "key.revoked" else None


def _of_team(event: log.Event) -> Iterator[Told]:
    if "before" in event.data:
        yield db.presence, event.data["team_id"], {"state": event.data["state"]}


def _of_report(event: log.Event) -> Iterator[Told]:
    if "reporter_kind" in event.data:
        named = ("channel", "occurred_at", "lon", "lat", "in_area", "people_count", "dangers")
        yield db.sightings, event.data["sighting_id"], {k: event.data[k] for k in named}


def _of_weather(event: log.Event) -> Iterator[Told]:
    for one in event.data.get("rows", {}).get("observations", ()):
        yield db.observations, one["id"], {k: v for k, v in one.items() if k != "id"}
    if "id" in event.data:
        yield db.weather, event.data["id"], {k: event.data[k] for k in ("state", "feels_c", "warned")}


def _of_warning(event: log.Event) -> Iterator[Told]:
    for one in event.data["rows"]["warnings"]:
        yield db.warnings, one["id"], {k: v for k, v in one.items() if k != "id"}


def _of_campaign(event: log.Event) -> Iterator[Told]:
    for table in (db.campaigns, db.campaign_points, db.campaign_calls):
        for one in event.data["rows"].get(table.name, ()):
            yield table, one["id"], {k: v for k, v in one.items() if k != "id"}


def _of_sweep(event: log.Event) -> Iterator[Told]:
    for table in (db.sweep_cells, db.sweep_looks, db.sweep_tours, db.sweep_passes):
        names = _key_of(table)
        for one in event.data["rows"].get(table.name, ()):
            key = "/".join(str(one[name]) for name in names)
            yield table, key, {k: v for k, v in one.items() if k not in names}


def _of_circle(event: log.Event) -> Iterator[Told]:
    if "alarm_id" in event.data:
        closed = event.occurred_at if event.kind == "circle.gap_closed" else None
        yield db.circle_alarms, event.data["alarm_id"], {"closed_at": closed}


def _of_decision(event: log.Event) -> Iterator[Told]:
    if "decision_digest" in event.data:
        yield db.decisions, event.data["decision_id"], {"digest": event.data["decision_digest"]}


def _of_policy(event: log.Event) -> Iterator[Told]:
    yield db.policies, event.data["policy_id"], {"digest": event.data["row_digest"]}


def _of_note(event: log.Event) -> Iterator[Told]:
    if event.kind == "note.written":
        yield db.shift_notes, event.data["note_id"], {"written_by": event.actor["id"], "taken_by": None}
    else:
        yield db.shift_notes, event.data["note_id"], {"taken_by": event.actor["id"], "taken_at": event.occurred_at}


def _of_photo(event: log.Event) -> Iterator[Told]:
    yield db.photos, event.data["photo_id"], {"picture_digest": event.data["picture_digest"]}


def _of_register(event: log.Event) -> Iterator[Told]:
    for table in (*REGISTER, db.documents):
        for one in event.data.get("rows", {}).get(table.name, ()):
            yield table, one["id"], {k: v for k, v in one.items() if k != "id"}


def _of_person_photo(event: log.Event) -> Iterator[Told]:
    named = ("picture_digest", "kind", "person_id", "taken_at")
    yield db.photos, event.data["photo_id"], {k: event.data[k] for k in named}


def _of_case_photo(event: log.Event) -> Iterator[Told]:
    named = ("picture_digest", "kind", "team_id", "taken_at")
    yield db.photos, event.data["photo_id"], {"case_id": event.case_id, **{k: event.data[k] for k in named}}


READERS: Mapping[str, Callable[[log.Event], Iterator[Told]]] = {
    "account": _of_account,
    "key": _of_key,
    "team": _of_team,
    "case": _of_report,
    "weather": _of_weather,
    "warning": _of_warning,
    "campaign": _of_campaign,
    "sweep": _of_sweep,
    "circle": _of_circle,
    "offer": _of_decision,
    "search": _of_decision,
    "sighting.photo_added": _of_photo,
    "case.photo_added": _of_case_photo,
    "person": _of_register,
    "stay": _of_register,
    "returnee": _of_register,
    "document": _of_register,
    "person.photo_added": _of_person_photo,
    "policy": _of_policy,
    "note": _of_note,
}
"""The kind of an event, or its first part → what it tells of rows that are not replayed."""

BORN: Mapping[Table, str] = {
    db.circle_alarms: "opened_at",
    db.decisions: "made_at",
    db.photos: "taken_in_at",
    db.weather: "set_at",
}
"""Tables of which the first version told nothing: a row that is older than the first event about its table is not judged."""

MAY_BE_GONE = frozenset({"photos", "decisions", *(table.name for table in REGISTER)})
"""Rows that are removed when their time is over, while the log goes on saying that they were."""


async def contradictions(tx: AsyncConnection, office: Office) -> list[str]:
    """Every row on which log and tables disagree, in words; [] when each table that the log tells of follows from it."""
    board: replay.Board = {}
    told: dict[Table, Testimony] = {table: Testimony() for table in PROVEN}
    said: dict[UUID, object] = {}
    async for event in log.everything(tx, office.city_id):
        replay.apply(board, event)
        _hear(told, event)
        said |= {event.id: event.data["words"]} if "words" in event.data else {}
    found = replay.compared(board, await replay.tables(tx, office))
    for table, testimony in told.items():
        found += await _compared(tx, office, table, testimony)
    return found + [
        f"event_words {id_}: changed since they were written" for id_ in await words.changed(tx, office, said)
    ]


PROVEN = (
    db.accounts, db.api_keys, db.presence, db.sightings, db.weather, db.observations, db.warnings, db.campaigns, db.campaign_points,
    db.campaign_calls, db.sweep_cells, db.sweep_looks, db.sweep_tours, db.sweep_passes, db.circle_alarms, db.decisions, db.photos,
    db.policies, db.shift_notes,
    *REGISTER, db.documents,
)  # fmt: skip


@dataclass
class Testimony:
    """What the log says of a table: by id the columns of its rows; since: when it first said anything."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    since: datetime | None = None


def _hear(told: dict[Table, Testimony], event: log.Event) -> None:
    read = READERS.get(event.kind) or READERS.get(event.kind.partition(".")[0])
    for table, key, values in read(event) if read else ():
        told[table].since = told[table].since or event.recorded_at
        told[table].rows.setdefault(str(key), {}).update(values)


async def _compared(tx: AsyncConnection, office: Office, table: Table, told: Testimony) -> list[str]:
    names = _key_of(table)
    found: list[str] = []
    held: set[str] = set()
    for row in await tx.execute(select(table).where(table.c.city_id == office.city_id)):
        values = dict(row._mapping)
        id_ = "/".join(str(values[name]) for name in names)
        held.add(id_)
        if id_ in told.rows:
            found += _differing(table, id_, told.rows[id_], values)
        elif not _needs_no_event(table, values, told):
            found.append(f"{table.name} {id_}: not in the log")
    if table.name not in MAY_BE_GONE:
        found += [f"{table.name} {id_}: not in the table" for id_ in sorted(told.rows.keys() - held)]
    return found


def _key_of(table: Table) -> tuple[str, ...]:
    """The columns of its key, without the city."""
    return tuple(column.name for column in table.primary_key if column.name != "city_id")


def _needs_no_event(table: Table, row: dict[str, Any], told: Testimony) -> bool:
    """A team that never was on duty has told nothing, nor has what is older than the first word about its table."""
    if table in BORN:
        return told.since is None or row[BORN[table]] < told.since
    return table is db.presence and row["state"] == "off_duty"


def _differing(table: Table, id_: str, told: dict[str, Any], row: dict[str, Any]) -> list[str]:
    if "digest" in told:
        row = {
            name: value for name, value in row.items() if not name.endswith(SUFFIX)
        }  # sealed anew, it looks otherwise
        return [] if digest(row) == told["digest"] else [f"{table.name} {id_}: changed since it was written"]
    kept = msgspec.to_builtins({name: row[name] for name in told})
    said = msgspec.to_builtins(told)
    return [
        f"{table.name} {id_}.{name}: log {said[name]!r}, table {kept[name]!r}"
        for name in told
        if not replay.same_value(said[name], kept[name])
    ]


def digest(row: Mapping[str, Any]) -> str:
    """What the log keeps of a row that is too long for it: SHA-256 (hex) over its columns by name, times in UTC."""
    plain = {n: v.astimezone(UTC) if isinstance(v, datetime) else v for n, v in row.items()}
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
