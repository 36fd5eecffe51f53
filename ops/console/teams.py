"""Teams and their shifts, written by whoever answers for them."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from backend.access.actor import Actor
from backend.access.once import Once
from backend.access.permissions import Object, demand
from backend.dispatch import board
from backend.dispatch.board import TeamShown
from backend.ids import new_id
from backend.office import Office
from backend.patrol import duty, shifts, team_changes
from backend.patrol.duty import DutyState, Presence
from backend.patrol.records import Team
from backend.patrol.shifts import Shift
from backend.patrol.team_changes import NewTeam, TeamChange
from backend.patrol.teams import get_team
from backend.web import AMoment, CommandBody, Empty, command, moment


class TeamToMake(NewTeam, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new team. command_id: made by the client; sent twice, one team is made."""

    command_id: UUID | None = None


class TeamToChange(TeamChange, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be different. command_id: made by the client; sent twice, it is changed once."""

    command_id: UUID | None = None


class TeamDuty(Struct, frozen=True, forbid_unknown_fields=True):
    """What the team is to be."""

    state: DutyState


class ShiftToSet(CommandBody, frozen=True, kw_only=True):
    """A shift to add, or, with the id of one that is there, to move."""

    team_id: UUID
    starts_at: datetime
    ends_at: datetime
    id: UUID | None = None


def once(name: str, about: UUID | None, body: Struct, command_id: UUID | None, by: Actor, now: datetime) -> Once:
    """The command that a body without a moment of its own stands for."""
    said = {key: value for key, value in msgspec.to_builtins(body).items() if key != "command_id"}
    return Once(id=command_id, name=name, by=by, now=now, wants={"about": str(about), **said})


class Teams(Controller):
    """队伍管理."""

    path = "/api/teams"
    tags = ("队伍管理 Teams",)

    @get("/", summary="巡查队 Teams")
    async def teams(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[TeamShown]:
        """含在岗状态与最新位置。 With presence and last position."""
        demand(office.city.policy.roles, by, "team:read")
        async with office.db.connect() as tx:
            return msgspec.convert(await board.teams_of(tx, office, by), list[TeamShown])

    @post("/{team_id:uuid}/duty", summary="调整在岗状态 Set a team's duty", status_code=200)
    async def set_duty(
        self,
        team_id: FromPath[UUID],
        data: JSONBody[TeamDuty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Presence:
        """由派遣员代队伍操作。 A dispatcher for the team."""
        async with office.db.connect() as tx:
            team = await get_team(tx, office, team_id)
        what = Object(regions=office.city.lineage(team.regions), teams=[team_id])
        demand(office.city.policy.roles, by, "team:duty", what)
        return await duty.set_duty(office, team_id, data.state, by=by, now=now)

    @get("/all", summary="全部队伍资料 Every team with all that is known")
    async def everything(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Team]:
        """您管理的队伍，含停用的。 Those you manage, also those out of use."""
        async with office.db.connect() as tx:
            return await team_changes.list_all(tx, office, by)

    @post("/", summary="新建队伍 Add a team")
    async def add(
        self,
        data: JSONBody[TeamToMake],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Team:
        """新队伍为下岗状态。 It begins off duty."""
        command_ = once("team.add", None, data, data.command_id, by, now)
        return await team_changes.add_team(office, data, by=by, now=now, command=command_)

    @post("/{team_id:uuid}", summary="修改队伍 Change a team", status_code=200)
    async def change(
        self,
        team_id: FromPath[UUID],
        data: JSONBody[TeamToChange],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Team:
        """只写要改的项；停用前须先下岗。 Only what differs; off duty before it is taken out of use."""
        command_ = once("team.change", team_id, data, data.command_id, by, now)
        return await team_changes.change_team(office, team_id, data, by=by, now=now, command=command_)


TWO_DAYS = timedelta(days=2)


class Shifts(Controller):
    """班次."""

    path = "/api/shifts"
    tags = ("队伍管理 Teams",)

    @get("/", summary="班次表 Planned shifts")
    async def planned(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMoment = None,
        until: AMoment = None,
        team_id: FromQuery[UUID | None] = None,
    ) -> list[Shift]:
        """与该时段相交的班次，最多 31 天；不写时段为今明两天。 Those that touch the time between; today and tomorrow by default."""
        midnight = now.astimezone(office.city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = moment(since, "since") if since is not None else midnight
        end = moment(until, "until") if until is not None else begin + TWO_DAYS
        async with office.db.connect() as tx:
            return await shifts.list_shifts(tx, office, by, begin, end, team_id)

    @post("/", summary="新增或调整班次 Add or move a shift", status_code=200)
    async def put(
        self,
        data: JSONBody[ShiftToSet],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Shift:
        """同一队伍的班次不能重叠。 Two shifts of one team never overlap."""
        shift = Shift(id=data.id or new_id(), team_id=data.team_id, starts_at=data.starts_at, ends_at=data.ends_at)
        command_ = command("shift.set", data.team_id, data, by, now).once()
        return await shifts.set_shift(office, shift, by=by, now=now, command=command_)

    @post("/{shift_id:uuid}/cancel", summary="取消班次 Cancel a shift", status_code=200)
    async def cancel(
        self,
        shift_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Shift:
        """正在执行的班次取消后，队伍仍在岗，直到自己下岗。 A team at work goes on until it goes off duty itself."""
        command_ = command("shift.cancel", shift_id, data, by, now).once()
        return await shifts.cancel_shift(office, shift_id, by=by, now=now, command=command_)
