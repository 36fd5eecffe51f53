"""Which teams' places a screen is told of: those in its view, those that have just left it, and none it may not follow."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log
from backend.access.actor import SYSTEM
from backend.clock import ManualClock
from backend.ids import new_id
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.moves import Frame, Known, Moves, View, row_of
from backend.live.nudge import Nudge
from backend.live.positions import Fix
from backend.office import Office
from tests.access.builders import CITY, NOW, XIGANG, ZHONGSHAN, add_account, an_office
from tests.live.builders import FakeSocket, counted, following

EVERY_S = 0.05
FIRST, SECOND, THIRD = new_id(), new_id(), new_id()
OLD_TOWN = '{"type":"view","bounds":[121.60,38.90,121.64,38.94]}'
degrees = st.floats(-90, 90, allow_subnormal=False)


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return an_office(db, Nudge(CITY))


@pytest.fixture
async def hub(office: Office, clock: ManualClock) -> AsyncIterator[Hub]:
    nudge = office.nudge
    assert isinstance(nudge, Nudge)
    async with Hub(office, nudge, clock, session_clock=clock, positions_every_s=EVERY_S, pulse_every_s=0.1) as hub:
        yield hub


def a_fix(
    team_id: UUID, lon: float, *, lat: float = 38.92, seconds: int = 0, regions: tuple[str, ...] = (CITY,)
) -> Fix:
    return Fix(team_id=team_id, at=NOW + timedelta(seconds=seconds), lon=lon, lat=lat, regions=regions)


def told_of(socket: FakeSocket, team_id: UUID) -> list[float]:
    """The longitudes it was told of a team, in the order they came."""
    return [row[2] for message in socket.of("positions") for row in message["teams"] if row[0] == str(team_id)]


async def two_frames(hub: Hub, socket: FakeSocket) -> None:
    """Two pulses: whatever was to be handed out by then was."""
    before = len(socket.of("pulse"))
    await socket.got("pulse", before + 2)


def test_a_row_has_milliseconds_metres_and_whole_degrees() -> None:
    fix = Fix(team_id=FIRST, at=NOW, lon=121.6543219, lat=38.9, accuracy_m=8, heading_deg=354.6)
    at_ms = round(NOW.timestamp() * 1000)
    assert msgspec.json.decode(row_of(fix)) == [str(FIRST), at_ms, 121.65432, 38.9, 355]
    assert msgspec.json.decode(row_of(msgspec.structs.replace(fix, heading_deg=None)))[4] is None


@given(
    st.tuples(degrees, degrees, degrees, degrees), st.lists(st.tuples(degrees, degrees, degrees, degrees), max_size=8)
)
def test_a_frame_cut_to_a_view_has_who_is_inside_and_who_was(
    corners: tuple[float, ...], moves: list[tuple[float, ...]]
) -> None:
    west, east = sorted(corners[:2])
    south, north = sorted(corners[2:])
    view = View.of((west, south, east, north))
    teams = {}
    for n, (lon, lat, lon_before, lat_before) in enumerate(moves):
        now, before = a_fix(new_id(), lon, lat=lat), a_fix(new_id(), lon_before, lat=lat_before)
        teams[now.team_id] = (Known(now, row_of(now)), Known(before, "") if n % 2 else None)
    frame = Frame(teams)

    def inside(known: Known | None) -> bool:
        return known is not None and (
            view.west <= known.fix.lon <= view.east and view.south <= known.fix.lat <= view.north
        )

    wanted = {team_id for team_id, (now, before) in teams.items() if inside(now) or inside(before)}
    assert set(frame.seen_in(view).fixes) == wanted
    assert set(frame.seen_in(None).fixes) == set(teams)


def test_the_newest_of_each_team_stays_and_what_is_older_is_not_heard() -> None:
    moves = Moves()
    moves.hear([a_fix(FIRST, 121.61, seconds=1), a_fix(FIRST, 121.63, seconds=3), a_fix(FIRST, 121.62, seconds=2)])
    assert {id_: (now.fix.lon, before) for id_, (now, before) in moves.take().items()} == {FIRST: (121.63, None)}
    moves.hear([a_fix(FIRST, 121.62, seconds=2)])
    assert not moves.take()
    moves.hear([a_fix(FIRST, 121.64, seconds=4), a_fix(FIRST, 121.65, seconds=5)])
    ((now, before),) = moves.take().values()
    assert before is not None
    assert (before.fix.lon, now.fix.lon) == (121.63, 121.65)


def test_who_went_off_duty_is_forgotten_and_heard_again_when_back() -> None:
    moves = Moves()
    moves.hear([a_fix(FIRST, 121.61)])
    moves.off_duty(FIRST, NOW + timedelta(seconds=5))
    moves.hear([a_fix(FIRST, 121.62, seconds=4)])
    assert not moves.take()
    assert not moves.last
    moves.hear([a_fix(FIRST, 121.63, seconds=60)])
    assert [now.fix.lon for now, _ in moves.take().values()] == [121.63]


async def test_who_has_said_nothing_is_told_of_everybody(office: Office, hub: Hub) -> None:
    async with following(Feed(hub, counted), office, await add_account(office)) as socket:
        await socket.got("events")
        hub.positions([a_fix(FIRST, 121.62), a_fix(SECOND, 100.0)])
        await socket.got("positions")
    assert (told_of(socket, FIRST), told_of(socket, SECOND)) == ([121.62], [100.0])


async def test_a_view_tells_of_those_inside_and_once_of_who_leaves(office: Office, hub: Hub) -> None:
    async with following(Feed(hub, counted), office, await add_account(office)) as socket:
        await socket.got("events")
        socket.said.put_nowait(OLD_TOWN)
        await two_frames(hub, socket)
        for step, (lon, elsewhere) in enumerate(
            [(121.62, 121.70), (121.648, 121.71), (121.66, 121.72), (121.67, 121.73)]
        ):
            hub.positions([a_fix(FIRST, lon, seconds=step), a_fix(SECOND, elsewhere, seconds=step)])
            await two_frames(hub, socket)
    assert told_of(socket, FIRST) == [121.62, 121.648, 121.66], "inside, in the margin, just left, and no more"
    assert not told_of(socket, SECOND)


async def test_who_looks_elsewhere_is_told_of_all_that_are_there_whether_they_move_or_not(
    office: Office, hub: Hub
) -> None:
    west = await add_account(office, "west", regions=(XIGANG,))
    feed = Feed(hub, counted)
    async with following(feed, office, await add_account(office)) as city, following(feed, office, west) as limited:
        for socket in (city, limited):
            await socket.got("events")
            socket.said.put_nowait('{"type":"view","bounds":[100,30,101,31]}')
            await two_frames(hub, socket)
        hub.positions([a_fix(FIRST, 121.62, regions=(ZHONGSHAN, CITY)), a_fix(SECOND, 121.62, regions=(XIGANG, CITY))])
        hub.positions([a_fix(THIRD, 121.70)])
        await two_frames(hub, city)
        assert not city.of("positions")
        for socket in (city, limited):
            socket.said.put_nowait(OLD_TOWN)
            await socket.got("positions")
        city.said.put_nowait('{"type":"view","bounds":null}')
        await city.got("positions", 2)
        await two_frames(hub, limited)
    assert told_of(city, FIRST) == [121.62, 121.62]
    assert told_of(city, THIRD) == [121.70]
    assert (told_of(limited, FIRST), told_of(limited, SECOND)) == ([], [121.62])


@pytest.mark.invariant("I12")
async def test_a_team_that_went_off_duty_is_not_shown_to_who_looks_there_afterwards(office: Office, hub: Hub) -> None:
    async with following(Feed(hub, counted), office, await add_account(office)) as socket:
        await socket.got("events")
        hub.positions([a_fix(FIRST, 121.62), a_fix(SECOND, 121.62)])
        await socket.got("positions")
        await _goes_off_duty(office, FIRST)
        await socket.got("event")
        socket.said.put_nowait(OLD_TOWN)
        await socket.got("positions", 2)
    assert (len(told_of(socket, FIRST)), len(told_of(socket, SECOND))) == (1, 2)


async def _goes_off_duty(office: Office, team_id: UUID) -> None:
    async with office.begin() as tx:
        entry = log.Entry(
            kind="team.off_duty",
            actor=SYSTEM,
            occurred_at=NOW + timedelta(seconds=1),
            regions=[CITY],
            teams=[team_id],
            data={"team_id": str(team_id), "state": "off_duty"},
        )
        await log.append(tx, office.city_id, [entry], now=NOW)
