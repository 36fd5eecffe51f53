"""The independent checker: lays what clients were told beside what the database says. Uses nothing of the product's code.

Begin at `CHECKS`: each is one promise, in SQL and plain Python, and returns a sentence for everything that breaks it.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from ops.chaos.diary import Diary, Told

Row = Any
COMMANDS = "offer. case. approval."


class Evidence(msgspec.Struct, frozen=True):
    """What a check looks at. elapsed_s: simulated seconds from the first client to the last, by this process's counter."""

    diary: Diary
    database: asyncpg.Connection
    photo_folder: Path
    elapsed_s: float


Check = Callable[[Evidence], Awaitable[list[str]]]


def _commands(diary: Diary) -> list[Told]:
    return [one for one in diary.told if one.kind.partition(".")[0] + "." in COMMANDS.split()]


async def no_report_is_lost(given: Evidence) -> list[str]:
    """I16: every report that was acknowledged is there, under its receipt, in exactly one case."""
    rows = await given.database.fetch(
        """SELECT s.id, s.receipt, count(l.case_id) AS cases FROM sightings s
        LEFT JOIN case_sightings l ON l.sighting_id = s.id AND l.left_at IS NULL GROUP BY s.id, s.receipt"""
    )
    held = {row["id"]: row for row in rows}
    found = []
    for told in given.diary.of("report"):
        row = held.get(told.id)
        if told.ok and row is None:
            found.append(f"lost: report {told.id} with receipt {told.body['receipt']}")
        elif row is not None and told.ok and (row["receipt"] != told.body["receipt"] or row["cases"] != 1):
            found.append(f"lost: report {told.id}: receipt {row['receipt']}, in {row['cases']} cases")
        elif not told.ok and row is not None:
            found.append(f"doubled: report {told.id} was refused with {told.status} and is there")
    return found


async def no_report_counts_twice(given: Evidence) -> list[str]:
    """I8: what was sent several times came in once."""
    rows = await given.database.fetch(
        """SELECT data->>'sighting_id' AS id, count(*) AS times FROM events
        WHERE kind IN ('case.opened', 'case.sighting_joined') AND data ? 'reporter_kind' GROUP BY 1 HAVING count(*) <> 1"""
    )
    return [f"doubled: report {row['id']} came in {row['times']} times" for row in rows]


async def every_command_did_what_it_was_answered(given: Evidence) -> list[str]:
    """Every acknowledged command stands in the log where it was said to, once; every refused one does not."""
    rows = await given.database.fetch(
        """SELECT command_id, min(seq) AS first, max(seq) AS last, count(*) AS events FROM events
        WHERE command_id IS NOT NULL GROUP BY command_id"""
    )
    held: Mapping[UUID, Row] = {row["command_id"]: row for row in rows}
    found = []
    for told in _commands(given.diary):
        row = held.get(told.id)
        if told.ok and (row is None or not row["first"] <= told.body["seq"] <= row["last"]):
            found.append(f"lost: {told.kind} {told.id} was answered {told.body}, the log has {row and dict(row)}")
        elif row is not None and row["last"] - row["first"] + 1 != row["events"]:
            found.append(
                f"doubled: {told.kind} {told.id} wrote {row['events']} events from {row['first']} to {row['last']}"
            )
        elif not told.ok and row is not None:
            found.append(f"doubled: {told.kind} {told.id} was refused with {told.status} and stands in the log")
    return found


async def no_fix_is_lost(given: Evidence) -> list[str]:
    """Every position that was taken while on duty is in the track."""
    rows = await given.database.fetch("SELECT team_id, at FROM fixes")
    held = {(str(row["team_id"]), row["at"]) for row in rows}
    lost = [(team, at) for team, moments in given.diary.fixes.items() for at in moments if (team, at) not in held]
    return [f"lost: position of team {team} at {at.isoformat()}" for team, at in lost]


async def photos_and_rows_agree(given: Evidence) -> list[str]:
    """Every photo that was acknowledged has its row and its files; no row points to nothing."""
    rows = await given.database.fetch(
        "SELECT id, sighting_id, file, thumbnail_file FROM photos WHERE leaving_at IS NULL"
    )
    held = {row["id"]: row["sighting_id"] for row in rows}
    files = {file.name.partition(".")[0] for file in given.photo_folder.rglob("*") if file.is_file()}
    found = [
        f"lost: photo {id_} of report {sighting}"
        for id_, (sighting, _) in given.diary.photos.items()
        if held.get(id_) != sighting
    ]
    for row in rows:
        missing = {row["file"], row["thumbnail_file"]} - files
        found += [f"lost: the file {name} of photo {row['id']}" for name in missing]
    return found


async def screens_missed_nothing(given: Evidence) -> list[str]:
    """Each screen was told every event it may see, in order, each once, from its picture on."""
    rows = await given.database.fetch("SELECT seq, kind FROM events WHERE kind NOT LIKE ALL($1) ORDER BY seq", UNSEEN)
    visible = {row["seq"]: row["kind"] for row in rows}
    found = []
    for name, told in given.diary.screens.items():
        found += _screen(name, told, visible)
    return found


UNSEEN = ["account.%", "session.%", "key.%", "retention.%", "look.%"]
"""What a dispatcher's screen is not told."""


def _screen(name: str, told: list[int], visible: Mapping[int, str]) -> list[str]:
    """The parts between pictures, each without a gap among what may be seen. A picture stands for all before it."""
    reached: int | None = None
    for seq in told:
        if seq <= 0:
            reached = -seq
        elif reached is None or seq <= reached:
            return [f"doubled: screen {name} was told {seq} after {reached}"]
        else:
            missed = [f"{one} {visible[one]}" for one in range(reached + 1, seq) if one in visible]
            if missed:
                return [f"lost: screen {name} was told {seq} after {reached}, without {missed[:5]}"]
            reached = seq
    return [] if reached is not None else [f"lost: screen {name} was told nothing"]


async def leases_kept_their_times(given: Evidence) -> list[str]:
    """No offer lapsed before its time or was taken after it; no clock fired early."""
    rows = await given.database.fetch(
        """SELECT o.id, o.state, o.expires_at, o.answered_at, e.recorded_at FROM offers o
        LEFT JOIN events e ON e.kind = 'offer.lapsed' AND e.data->'rows'->'offers'->0->>'id' = o.id::text
        WHERE o.state = 'lapsed' AND (o.answered_at < o.expires_at OR e.recorded_at < o.expires_at)
           OR o.state = 'accepted' AND o.answered_at > o.expires_at"""
    )
    found = [f"time: offer {row['id']} {row['state']} at {row['answered_at']}, due {row['expires_at']}" for row in rows]
    early = await given.database.fetch("SELECT case_id, kind FROM clocks WHERE missed_at < due_at")
    return found + [f"time: clock {row['kind']} of {row['case_id']} was missed before it was due" for row in early]


async def time_did_not_jump(given: Evidence) -> list[str]:
    """The log's times neither go back nor run ahead, whatever was done to the clocks."""
    span = await given.database.fetchrow(
        """SELECT max(recorded_at) - min(recorded_at) AS whole, max(behind) AS back FROM (
            SELECT recorded_at, max(recorded_at) OVER (ORDER BY seq) - recorded_at AS behind
            FROM events WHERE kind LIKE 'case.%' OR kind LIKE 'offer.%') AS told"""
    )
    found = []
    if span["back"] > timedelta(minutes=3):
        found.append(f"time: the log goes back by {span['back']}")
    if span["whole"].total_seconds() > 1.1 * given.elapsed_s + 180:
        found.append(f"time: the log spans {span['whole']}, clients saw {given.elapsed_s:.0f} s")
    return found


async def partners_heard(given: Evidence) -> list[str]:
    """Nothing that the partner took is waiting, nothing sent was not received; a repetition carries the same id."""
    rows = await given.database.fetch("SELECT id, state FROM outbox WHERE way = 'webhook'")
    states = {str(row["id"]): row["state"] for row in rows}
    received = given.diary.received
    found = [f"lost: message {id_} is sent and was never received" for id_, state in states.items()
             if state == "sent" and not received[id_]]  # fmt: skip
    return found + [f"doubled: message {id_} was received and is unknown" for id_ in received if id_ not in states]


NEVER: Mapping[str, str] = {
    "I1: two live offers of one case or team": """SELECT 1 FROM offers WHERE state = 'offered' GROUP BY case_id
        HAVING count(*) > 1 UNION ALL SELECT 1 FROM offers WHERE state = 'offered' GROUP BY team_id HAVING count(*) > 1""",
    "I1: two assignments of one team": """SELECT 1 FROM cases WHERE stage IN ('dispatched', 'handling')
        GROUP BY team_id HAVING count(*) > 1""",
    "I5: a clock that fires on a closed case": """SELECT 1 FROM clocks k JOIN cases c ON c.id = k.case_id
        WHERE c.closed_at IS NOT NULL AND (k.fires_at IS NOT NULL OR k.ended_at IS NULL)""",
    "I6: a wait that is overdue and not fired": """SELECT 1 FROM clocks k JOIN cases c ON c.id = k.case_id
        WHERE k.fires_at < (SELECT max(recorded_at) FROM events) - interval '10 minutes'""",
    "I7: a team asked again after it declined": """SELECT 1 FROM offers WHERE state <> 'withdrawn' AND state <> 'lapsed'
        GROUP BY case_id, team_id, round HAVING count(*) > 1""",
    "I4: a notice of an offer that is over still waiting": """SELECT 1 FROM outbox x JOIN offers o ON o.id = x.offer_id
        WHERE x.state = 'waiting' AND x.way = 'webhook' AND o.state <> 'offered'""",
    "a sighting in no case or two": """SELECT 1 FROM sightings s LEFT JOIN case_sightings l
        ON l.sighting_id = s.id AND l.left_at IS NULL GROUP BY s.id HAVING count(l.case_id) <> 1""",
    "a case whose versions have a gap": """SELECT 1 FROM cases c JOIN events e ON e.case_id = c.id
        WHERE e.case_version IS NOT NULL GROUP BY c.id, c.version
        HAVING count(e.case_version) <> c.version OR max(e.case_version) <> c.version""",
    "a gap in the log": "SELECT 1 FROM events HAVING max(seq) <> count(*)",
    "a waiting case that nobody looks for": """SELECT 1 FROM cases c WHERE stage = 'accepted' AND search_at IS NULL
        AND NOT EXISTS (SELECT FROM offers o WHERE o.case_id = c.id AND o.state = 'offered')""",
    "somebody verified their own work": "SELECT 1 FROM handlings WHERE verified_by = by",
}


async def what_must_never_be(given: Evidence) -> list[str]:
    """The state of the tables: what DOMAIN §9 forbids."""
    return [f"never: {what}" for what, query in NEVER.items() if await given.database.fetch(query)]


CHECKS: tuple[Check, ...] = (
    no_report_is_lost, no_report_counts_twice, every_command_did_what_it_was_answered, no_fix_is_lost,
    photos_and_rows_agree, screens_missed_nothing, leases_kept_their_times, time_did_not_jump, partners_heard,
    what_must_never_be,
)  # fmt: skip


async def check(given: Evidence) -> list[str]:
    """Everything that is not as clients were told; [] when all of it is."""
    found = [*given.diary.contradictions, *(f"unanswered: {one}" for one in given.diary.unanswered)]
    for one in CHECKS:
        found += await one(given)
    return found
