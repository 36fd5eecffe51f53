"""返乡回访 A visit is made: what was found at home, and what follows from it. Begin at `settle_visit`.

At home: the next visit follows. Not met, or in need of help: again soon, and others are told. Moved: the new region takes over.
On the street again: a case at once (`backend.referral.home.gone_again`). Dead: reported up, and the entry is over.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from backend.dispatch import find
from backend.dispatch.change import Command, record
from backend.dispatch.timekeeping import calendar_of
from backend.errors import Conflict, Invalid
from backend.geo.place import locate
from backend.intake.report import GivenPlace
from backend.office import Office
from backend.referral.home import gone_again, home_rows, where
from backend.referral.home.moving import moved_to
from backend.referral.home.returnee import (
    END_NAMES,
    VAIN_TWICE,
    HomeNeed,
    HomeNow,
    HomeVisit,
    Note,
    Returnee,
    VisitOutcome,
    following,
)
from backend.referral.incidents.born import of_home
from backend.referral.people import register_rows as rows
from backend.referral.people.register_rows import Done, Rows

ACTION = "visit:do"


class HomeVisited(Struct, frozen=True, kw_only=True):
    """What a visitor found. place: where they stood; kept is only whether that is where the person lives. moved_to: where
    somebody lives now who has moved, as far as anybody knew."""

    outcome: VisitOutcome
    note: Note = ""
    needs: Annotated[tuple[HomeNeed, ...], Meta(max_length=9)] = ()
    place: GivenPlace | None = None
    moved_to: HomeNow | None = None


async def settle_visit(office: Office, visit_id: UUID, visited: HomeVisited, command: Command) -> Done:
    """回访完成, also late, and told later than it was made. `case_id` of the answer: the case that looks for somebody gone again.

    Raises Conflict `visit_done`, `visit_over`, Invalid `needs_missing`, NotAllowed, NotFound.
    """
    _demand_sense(visited)
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, ACTION)
        if visited.outcome == "gone_again":
            await find.lock_intake(tx, office)
        await rows.hold(tx, office)
        before = await home_rows.get_visit(tx, office, visit_id)
        returnee = await home_rows.get_returnee(tx, office, before.returnee_id)
        command.demand(office, ACTION, returnee.as_object())
        _demand_due(before, returnee)
        case_id = None
        if visited.outcome == "gone_again":
            case_id = await gone_again.looked_for(tx, office, returnee, visited.place, visited.note, command)
        made = _made(office, before, returnee, visited, case_id, command)
        changes = _after(office, returnee, made, visited, command)
        told = _told(made)
        await home_rows.push(tx, office, returnee, told, "returnee.visited", command)
        facts: dict[str, Any] = {"outcome": visited.outcome, "visit_id": made.id, "told": told}
        facts["returnee_id"] = returnee.id
        died = await of_home(tx, office, returnee, visited.note, command, made) if visited.outcome == "died" else None
        done = Done(seq=0, person_id=returnee.person_id, returnee_id=returnee.id, case_id=case_id)
        answer = await rows.tell(
            tx, office, command, "returnee.visited", [(before, made), *changes], _concerned(returnee, changes), done,
            case_id=case_id, facts=facts,
        )  # fmt: skip
        if visited.outcome == "gone_again":
            await gone_again.note_relapse(tx, office, returnee, command)
        if died is not None:
            await record(tx, office, msgspec.structs.replace(command, id=None), died)
        return answer


def _demand_sense(visited: HomeVisited) -> None:
    if visited.outcome == "needs_help" and not visited.needs and not visited.note.strip():
        zh, en = "请选择或写明需要什么帮助。", "Say what help is needed."
        raise Invalid(zh, en, field="needs", code="needs_missing")


def _demand_due(visit: HomeVisit, returnee: Returnee) -> None:
    if visit.state == "done":
        raise Conflict("这次回访已完成。", "This visit has been made already.", code="visit_done")
    if visit.state == "cancelled":
        zh, en = END_NAMES.get(returnee.end_reason or "other", ("", ""))
        raise Conflict(f"这次回访已取消（{zh}）。", f"This visit is not to be made any more ({en}).", code="visit_over")


def _made(
    office: Office, before: HomeVisit, returnee: Returnee, visited: HomeVisited, case_id: UUID | None, command: Command
) -> HomeVisit:
    """Made in time and told later is in time."""
    found: dict[str, Any] = {"note": visited.note.strip(), "needs": list(visited.needs)}
    return msgspec.structs.replace(
        before,
        state="done",
        fires_at=None,
        missed_at=before.due_at if command.at > before.due_at else None,
        done_at=command.at,
        done_by=command.by.id,
        outcome=visited.outcome,
        in_region=_in_region(office, returnee, visited.place),
        case_id=case_id,
        found={name: value for name, value in found.items() if value},
    )


def _in_region(office: Office, returnee: Returnee, place: GivenPlace | None) -> bool | None:
    """Where the visitor stood is not kept. None without a position, or while nobody knows where they live."""
    if place is None or returnee.region is None:
        return None
    there = locate(place.lon, place.lat, place.crs, office.city.area).place
    return where.lies_in(office.city, there, returnee.regions)


def _after(office: Office, returnee: Returnee, made: HomeVisit, visited: HomeVisited, command: Command) -> Rows:
    """The entry as it is afterwards, and the visit that follows. `made` is not written yet, so nothing else is due."""
    now_at = returnee
    if visited.outcome == "moved":
        now_at = moved_to(office, returnee, visited.moved_to or HomeNow(note=returnee.home.note), command)
    changes: Rows = [(returnee, now_at)] if now_at != returnee else []
    if now_at.state != "followed":
        return changes
    due_at = _next(office, made, returnee.until, command.at)
    if due_at is None:
        reason = "died" if visited.outcome == "died" else "over"
        ended = {"state": "ended", "ended_at": command.at, "ended_by": command.by.id, "end_reason": reason}
        return [(returnee, msgspec.structs.replace(now_at, **ended))]
    attempts = made.attempts + 1 if visited.outcome == "not_at_home" else 0
    return [*changes, (None, home_rows.next_visit(office, now_at, due_at, command, attempts=attempts))]


def _next(office: Office, made: HomeVisit, until: datetime, at: datetime) -> datetime | None:
    calendar, policy = calendar_of(office.city.policy), office.city.policy.referral
    assert made.outcome is not None
    every, again = calendar.add(at, policy.revisit_every), calendar.add(at, policy.visit_again)
    return following(made.outcome, at=at, until=until, every=every, again=again)


def _told(made: HomeVisit) -> list[str]:
    """Who hears of it besides the desk that looks. A death is told by its incident, level by level."""
    match made.outcome:
        case "needs_help":
            return ["shift_leader", "civil_affairs"]
        case "moved":
            return ["grid_worker", "shift_leader"]
        case "not_at_home" if made.attempts + 1 >= VAIN_TWICE:
            return ["shift_leader"]
    return []


def _concerned(returnee: Returnee, changes: Rows) -> Any:
    """Those where they lived, and where they live now."""
    now_at: Sequence[Returnee] = [after for _, after in changes if isinstance(after, Returnee)]
    regions = list(dict.fromkeys([*returnee.regions, *(code for one in now_at for code in one.regions)]))
    return msgspec.structs.replace(returnee, regions=regions).as_object()
