"""A referral that nobody answers never stays "sent": it goes up, and ends; who is expected and does not come frees the place."""

from typing import Any

import pytest

from tests.dispatch.builders import SPOT, east_of
from tests.referral.builders import Stations


async def _offered(stations: Stations, **wish: Any) -> Any:
    case_id = await stations.town.arrived()
    return await stations.offer(await stations.town.crew(case_id), case_id=case_id, **wish)


async def _told(stations: Stations, kind: str) -> list[str]:
    """To which side or role, in the order it was told."""
    return [":".join(one["to"].split(":")[:2]) for one in await stations.town.notices(kind)]


@pytest.mark.invariant("I14")
async def test_a_referral_that_nobody_answers_climbs_rung_by_rung_and_ends_as_an_alarm(stations: Stations) -> None:
    station = await stations.add()
    id_ = await _offered(stations)
    await stations.pass_(minutes=29)
    assert (await stations.one(id_)).level == 0
    await stations.pass_(minutes=2)
    first = await stations.one(id_)
    assert (first.state, first.level, first.alarm) == ("offered", 1, "not_answered")
    assert await _told(stations, "referral.escalated") == [f"facility:{station}"]
    await stations.pass_(minutes=10)
    await stations.pass_(minutes=10)
    assert await _told(stations, "referral.escalated") == [
        f"facility:{station}",
        "role:dispatcher",
        "role:shift_leader",
    ]
    assert await stations.held(station) == {"men": 1}
    await stations.pass_(minutes=10)
    over = await stations.one(id_)
    assert (over.state, over.because) == ("not_used", "not_answered")
    assert await stations.held(station) == {}
    (event,) = [event for event in await stations.town.events() if event.kind == "referral.not_used"]
    assert event.data["alarm"] == "not_answered"
    told = await _told(stations, "referral.not_used")
    assert {one.split(":")[1] for one in told if one.startswith("role:")} == {"dispatcher", "shift_leader"}
    assert any(one.startswith("team:") for one in told)
    await stations.town.is_sound()


@pytest.mark.invariant("I14")
@pytest.mark.parametrize("kind", ["office", "no account"])
async def test_who_has_nobody_here_to_be_told_is_the_dispatcher_s_from_the_first_rung_on(
    stations: Stations, kind: str
) -> None:
    if kind == "office":
        await _offered(stations, to_kind="police", to_words="派出所")
    else:
        await stations.add(with_account=False)
        await _offered(stations)
    await stations.pass_(minutes=31)
    assert await _told(stations, "referral.escalated") == ["role:dispatcher"]


@pytest.mark.invariant("I5")
async def test_what_was_answered_in_time_climbs_no_further(stations: Stations) -> None:
    await stations.add()
    id_ = await _offered(stations)
    await stations.pass_(minutes=31)
    await stations.accept(id_)
    answered = await stations.one(id_)
    assert (answered.level, answered.alarm) == (0, None)
    await stations.pass_(minutes=60)
    assert len(await _told(stations, "referral.escalated")) == 1


async def test_who_does_not_come_frees_the_place_and_everybody_hears_of_it(stations: Stations) -> None:
    station = await stations.add()
    id_ = await _offered(stations)
    await stations.accept(id_)
    await stations.pass_(minutes=119)
    assert await stations.held(station) == {"men": 1}
    await stations.pass_(minutes=2)
    assert ((await stations.one(id_)).state, (await stations.one(id_)).because) == ("not_used", "not_come")
    assert await stations.held(station) == {}
    assert {one.split(":")[0] for one in await _told(stations, "referral.not_used")} == {"facility", "role", "team"}


async def test_a_long_way_keeps_the_place_longer(stations: Stations) -> None:
    await stations.add(place=east_of(SPOT, 55_000))
    id_ = await _offered(stations)
    await stations.accept(id_)
    referral = await stations.one(id_)
    assert referral.reserved_until is not None
    assert referral.eta_s is not None
    kept_s = (referral.reserved_until - stations.town.now).total_seconds()
    assert kept_s == pytest.approx(max(7200.0, 2 * referral.eta_s))


async def test_who_stands_at_the_door_is_not_forgotten(stations: Stations) -> None:
    await stations.add()
    id_ = await _offered(stations)
    await stations.accept(id_)
    await stations.arrive(id_)
    for _ in range(4):
        await stations.pass_(minutes=31)
    waiting = await stations.one(id_)
    assert (waiting.state, waiting.alarm) == ("arrived", "hand_over_waits")
    told = await _told(stations, "referral.hand_over_waits")
    assert told[1:3] == ["role:dispatcher", "role:shift_leader"]
    assert len(told) >= 4, "until it is done, the top goes on hearing of it"
    await stations.hand_over(id_)
    before = len(await _told(stations, "referral.hand_over_waits"))
    await stations.pass_(hours=3)
    assert len(await _told(stations, "referral.hand_over_waits")) == before
    await stations.town.is_sound()
