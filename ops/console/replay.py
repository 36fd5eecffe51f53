"""Replays: the board as it was, where the teams were, and what to jump to. Events to play forward: `GET /api/events`."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch import past
from backend.dispatch.board import Board, teams_of
from backend.errors import Invalid
from backend.office import Office
from backend.patrol import past_duty
from backend.patrol.past_duty import Track
from backend.web import AMoment, moment

LONGEST_WAY = timedelta(minutes=30)
STEPS_S = (1.0, 600.0)


class BoardThen(Struct, frozen=True, kw_only=True):
    """The board at a past moment. seq: what the log had reached then; head: what it has reached now."""

    seq: int
    at: datetime
    head: int
    board: Board


class TeamWays(Struct, frozen=True, kw_only=True):
    """Where teams went. A point: [seconds after `start`, lon, lat (WGS-84 degrees), heading in degrees or null]."""

    start: datetime
    end: datetime
    step_s: float
    teams: list[Track]


class Marks(Struct, frozen=True, kw_only=True):
    """Alarms between two moments, and the numbers that the log had reached at them."""

    first: int
    last: int
    marks: list[past.Mark]


class Replay(Controller):
    """回放."""

    path = "/api/replay"
    tags = ("回放 Replay",)

    @get("/board", summary="某一时刻的看板 The board at a moment")
    async def board(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        at: AMoment = None,
    ) -> BoardThen:
        """与 GET /api/board 同形，为您今天有权查看的范围；默认为此刻。地址取自案卷现存内容，不在日志中。

        In the shape of the board of now, of what you may see today. Addresses are not in the log: they are as the case has
        them today. Play on with GET /api/events?after={seq}.
        """
        roles = office.city.policy.roles
        demand(roles, by, "event:read")
        demand(roles, by, "case:read")
        then = moment(at, "at") if at is not None else now
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            seq = await past.reached(tx, office, then, now)
            head = await past.last_until(tx, office, now)
            shown = msgspec.convert(await past.board_at(tx, office, by, at=then, seq=seq), Board)
        return BoardThen(seq=seq, at=then, head=head, board=shown)

    @get("/positions", summary="队伍走过的路 Where teams went")
    async def positions(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMoment = None,
        until: AMoment = None,
        step_s: FromQuery[float] = 10.0,
    ) -> TeamWays:
        """一次至多 30 分钟，默认为最近 10 分钟；只含在岗期间。 At most 30 minutes at once, else the last 10; on duty only."""
        demand(office.city.policy.roles, by, "team:read")
        end = moment(until, "until") if until is not None else now
        start = moment(since, "since") if since is not None else end - timedelta(minutes=10)
        past.demand_span(start, end, LONGEST_WAY)
        if not STEPS_S[0] <= step_s <= STEPS_S[1]:
            raise Invalid("步长应为 1 至 600 秒。", "Steps are of 1 to 600 seconds.", field="step_s")
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            seqs = await past.last_until(tx, office, start), await past.last_until(tx, office, min(end, now))
            mine = [UUID(team["id"]) for team in await teams_of(tx, office, by)]
            ways = await past_duty.tracks(tx, office, mine, start=start, end=end, seqs=seqs, step_s=step_s)
        return TeamWays(start=start, end=end, step_s=step_s, teams=ways)

    @get("/marks", summary="时段内的报警 Alarms to jump to")
    async def marks(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMoment = None,
        until: AMoment = None,
    ) -> Marks:
        """一次至多一天，默认为最近一小时；最多 500 个。 At most a day at once, else the last hour; 500 of them."""
        demand(office.city.policy.roles, by, "event:read")
        end = moment(until, "until") if until is not None else now
        start = moment(since, "since") if since is not None else end - timedelta(hours=1)
        past.demand_span(start, end, past.LONGEST)
        async with office.db.connect() as tx:
            first, last = await past.last_until(tx, office, start), await past.last_until(tx, office, end)
            found = await past.marks(tx, office, by, after=first, until=last)
        return Marks(first=first, last=last, marks=found)
