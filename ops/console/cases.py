"""Cases at the desk: the list, one case with everything about it, and what a person decides."""

import asyncio
from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from backend import log
from backend.access.actor import Actor
from backend.access.permissions import allowed, demand
from backend.cursor import decode_cursor, encode_cursor
from backend.dispatch import approvals, board, desk, verification, words
from backend.dispatch.board import CaseFilter, Decision
from backend.dispatch.case_file import (
    CaseFile,
    ReporterContact,
    case_file,
    open_photo,
    read_contacts,
    tells_of_people,
)
from backend.dispatch.change import Answer
from backend.dispatch.lifecycle import Stage
from backend.dispatch.looking import note_file_read
from backend.dispatch.records import ApprovalAction, Case, CaseChannel
from backend.errors import NotFound
from backend.intake.photo_rows import read_photo
from backend.intake.photo_store import PhotoStore
from backend.live.visibility import may_see
from backend.office import Office
from backend.policy import Priority
from backend.web import CommandBody, Empty, WithReason, command


class CasePage(Struct, frozen=True):
    """Cases, newest first; `next` is the cursor of the following page, None at the end."""

    cases: list[Case]
    next: str | None


class EventPage(Struct, frozen=True):
    """Events in the log's order; `next` is the sequence to go on after. words: what somebody wrote as a reason, by the id
    of its event, for who may read it; it is not in the log itself."""

    events: list[log.Event]
    next: int | None
    words: dict[str, str] = {}


class Refuse(WithReason, frozen=True):
    """reason: a code of the policy's list."""

    note: str | None = None


class Assign(WithReason, frozen=True, kw_only=True):
    """Which team goes, over what the machine found, and why."""

    team_id: UUID


class Join(WithReason, frozen=True, kw_only=True):
    """Which case it becomes part of."""

    into: UUID


class Split(WithReason, frozen=True, kw_only=True):
    """Which sightings are about somebody else."""

    sighting_ids: list[UUID]


class Verify(CommandBody, frozen=True):
    """A word on what was checked."""

    note: str | None = None


class Ask(WithReason, frozen=True, kw_only=True):
    """by: how long to extend ("30 min")."""

    action: ApprovalAction
    by: str | None = None


async def seen_case(office: Office, by: Actor, case_id: UUID) -> Case:
    """The case if the actor may see it. Raises NotAllowed, NotFound."""
    demand(office.city.policy.roles, by, "case:read")
    async with office.db.connect() as tx:
        case = await board.find_visible_case(tx, office, by, case_id)
    if case is None:
        raise NotFound("没有这个案卷，或不在您的管辖范围内。", "There is no such case, or it is not yours.")
    return case


class Cases(Controller):
    """案卷."""

    path = "/api/cases"
    tags = ("案卷 Cases",)

    @get("/", summary="案卷列表 List cases")
    async def list_cases(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        stage: FromQuery[list[Stage] | None] = None,
        region: FromQuery[str | None] = None,
        channel: FromQuery[CaseChannel | None] = None,
        priority: FromQuery[Priority | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: FromQuery[int] = 50,
    ) -> CasePage:
        """只列出您有权查看的案卷，新的在前。 Only what you may see, newest first; pages by `cursor`."""
        demand(office.city.policy.roles, by, "case:read")
        wanted = CaseFilter(
            stages=stage or [],
            region=region,
            channel=channel,
            priority=priority,
            before=decode_cursor(cursor) if cursor else None,
            limit=max(1, min(limit, 200)),
        )
        async with office.db.connect() as tx:
            found = await board.list_cases(tx, office, by, wanted)
        last = found[-1] if len(found) == wanted.limit else None
        return CasePage(found, encode_cursor(last.opened_at, last.id) if last else None)

    @get("/{case_id:uuid}", summary="案卷详情 One case")
    async def one(
        self,
        case_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> CaseFile:
        """案卷、线索、派遣、时限、处置与疑似重复，不含报告人信息；查看人员描述会记入日志。

        The case and everything about it, never who reported it; opening what was said of people is written to the log.
        """
        case = await seen_case(office, by, case_id)
        async with office.db.connect() as tx:
            file = await case_file(tx, office, by, case)
        if tells_of_people(file):
            await note_file_read(office, case, by=by, now=now)
        return file

    @get("/{case_id:uuid}/contacts", summary="报告人联系方式 How to ring the reporters back")
    async def contacts(
        self,
        case_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> list[ReporterContact]:
        """仅供回访；每次查看都记入日志。 For calling back only; every look is written to the log."""
        return await read_contacts(office, await seen_case(office, by, case_id), by=by, now=now)

    @get("/{case_id:uuid}/events", summary="案卷时间线 The timeline of a case")
    async def events(
        self, case_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> EventPage:
        """日志中与本案有关且您有权查看的每件事。 What the log says of it, as far as you may see it."""
        case = await seen_case(office, by, case_id)
        roles = office.city.policy.roles
        async with office.db.connect() as tx:
            told = [event for event in await log.of_case(tx, office.city_id, case_id) if may_see(roles, by, event)]
            spoken = (
                await words.of_case(tx, office, case_id)
                if allowed(roles, by, "sighting:read", case.as_object())
                else {}
            )
        return EventPage(told, None, {str(e.id): spoken[e.id] for e in told if e.id in spoken})

    @get("/{case_id:uuid}/decisions", summary="为何选这支队伍 Why this team")
    async def decisions(
        self, case_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> list[Decision]:
        """每次派遣决策的候选、精确秒数与理由。 Candidates, exact seconds and reasons of every decision."""
        case = await seen_case(office, by, case_id)
        demand(office.city.policy.roles, by, "decision:read", case.as_object())
        async with office.db.connect() as tx:
            return msgspec.convert(await board.decisions_of(tx, office, case_id), list[Decision])

    @post("/{case_id:uuid}/accept", summary="受理 Accept", status_code=200)
    async def accept(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """受理后立即寻找最近的队伍。 The search for a team begins at once."""
        return await desk.accept_case(office, case_id, command("case.accept", case_id, data, by, now))

    @post("/{case_id:uuid}/refuse", summary="不予受理 Refuse", status_code=200)
    async def refuse(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Refuse],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """理由会告知报告人。 The reporter reads the reason."""
        wanted = command("case.refuse", case_id, data, by, now)
        return await desk.refuse_case(office, case_id, data.reason, data.note, wanted)

    @post("/{case_id:uuid}/assign", summary="指派队伍 Assign a team", status_code=200)
    async def assign(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Assign],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """人工指派或改派，优先于系统选择。 A person's choice, over the machine's."""
        wanted = command("case.assign", case_id, data, by, now)
        return await desk.assign_team(office, case_id, data.team_id, data.reason, wanted)

    @post("/{case_id:uuid}/withdraw", summary="收回 Take back", status_code=200)
    async def withdraw(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """从队伍收回，重新寻找。 From the team that has it or is asked; the search begins again."""
        wanted = command("case.withdraw", case_id, data, by, now)
        return await desk.withdraw_team(office, case_id, data.reason, wanted)

    @post("/{case_id:uuid}/widen", summary="扩大搜索 Look farther", status_code=200)
    async def widen(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """立即进入下一搜索范围。 The next phase of the search, now."""
        return await desk.widen_search(office, case_id, command("case.widen", case_id, data, by, now))

    @post("/{case_id:uuid}/join", summary="并案 Join", status_code=200)
    async def join(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Join],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """可撤销；每位报告人仍会得到答复。 Reversible; every reporter still gets an answer."""
        wanted = command("case.join", case_id, data, by, now)
        return await desk.join_cases(office, case_id, data.into, data.reason, wanted)

    @post("/{case_id:uuid}/unjoin", summary="撤销并案 Undo a join", status_code=200)
    async def unjoin(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """恢复为独立案卷。 A case of its own again."""
        return await desk.unjoin_case(office, case_id, command("case.unjoin", case_id, data, by, now))

    @post("/{case_id:uuid}/split", summary="拆案 Split", status_code=200)
    async def split(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Split],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """部分线索另立案卷。 Some sightings become a case of their own."""
        wanted = command("case.split", case_id, data, by, now)
        return await desk.split_case(office, case_id, data.sighting_ids, data.reason, wanted)

    @post("/{case_id:uuid}/verify", summary="核查通过 Verify", status_code=200)
    async def verify(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Verify],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """不能核查自己处置的案卷。 Never by whoever handled it."""
        wanted = command("case.verify", case_id, data, by, now)
        return await verification.verify_case(office, case_id, data.note, wanted)

    @post("/{case_id:uuid}/send-back", summary="核查退回 Send back", status_code=200)
    async def send_back(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """计为返工，重新派遣。 Counted as rework; dispatched again."""
        wanted = command("case.send_back", case_id, data, by, now)
        return await verification.send_back(office, case_id, data.reason, wanted)

    @post(
        "/{case_id:uuid}/ask", summary="申请挂账/延时/回退/作废 Ask to suspend, extend, return, void", status_code=200
    )
    async def ask(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Ask],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """由他人审批。 Decided by somebody else."""
        wanted = command("case.ask", case_id, data, by, now)
        return await approvals.ask(office, case_id, data.action, data.reason, data.by, wanted)

    @post("/{case_id:uuid}/resume", summary="恢复办理 Resume", status_code=200)
    async def resume(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """挂账案卷继续办理，时限接着走。 A suspended case goes on; its clocks run again."""
        wanted = command("case.resume", case_id, data, by, now)
        return await approvals.resume_case(office, case_id, data.reason, wanted)


@get(
    "/api/cases/{case_id:uuid}/photos/{photo_id:uuid}",
    summary="查看照片 One photo",
    tags=["案卷 Cases"],
    media_type="image/jpeg",
)
async def case_photo(
    case_id: FromPath[UUID],
    photo_id: FromPath[UUID],
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    photos: NamedDependency[PhotoStore],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """仅本案线索的照片；每次查看都记入日志。 Only photos of this case's sightings; every look is written to the log."""
    case = await seen_case(office, by, case_id)
    key, media_type = await open_photo(office, case, photo_id, by=by, now=now)
    picture = await asyncio.to_thread(read_photo, photos, key)
    return Response(picture, media_type=media_type, headers={"Cache-Control": "private, no-store"})
