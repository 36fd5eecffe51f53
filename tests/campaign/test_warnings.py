"""Warnings come in: judged once, told of once, over when their time is; a report in their time is a danger."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import log
from backend.access.actor import PUBLIC, SYSTEM
from backend.campaign import warnings
from backend.campaign.warnings import Taken
from backend.clock import CHINA, ManualClock
from backend.dispatch import proof
from backend.errors import NotAllowed
from backend.intake import weather
from tests.campaign.warnings_made import an_alert, an_info
from tests.dispatch import builders
from tests.dispatch.builders import Town, somebody

LEADER = somebody("shift_leader")


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    return await builders.town(db, clock)


def at(town: Town, **span: float) -> str:
    return (town.now + timedelta(**span)).astimezone(CHINA).isoformat()


def cold(town: Town, n: int = 0, colour: str = "蓝", **more: str) -> bytes:
    """The n-th message of a cold wave, valid for a day."""
    headline = more.pop("headline", f"寒潮{colour}色预警信号")
    info = an_info("寒潮", headline, expires=at(town, hours=24 + n))
    return an_alert(info, identifier=f"W{n}", sent=at(town, minutes=n), **more)


async def take(town: Town, content: bytes, source: str = "test") -> Taken:
    return await warnings.take_in(town.office, content, source=source, by=SYSTEM, now=town.now)


async def held(town: Town) -> dict[str, str]:
    """Identifier → state of what is kept."""
    w = tables.warnings.c
    async with town.office.db.connect() as tx:
        return {row.identifier: row.state for row in await tx.execute(select(w.identifier, w.state))}


async def kinds(town: Town) -> list[str]:
    async with town.office.db.connect() as tx:
        found = await log.since(tx, town.office.city_id, 0, limit=500)
    return [event.kind for event in found if event.kind.startswith("warning.")]


async def test_a_warning_holds_is_upgraded_and_lifted_and_the_log_proves_it(town: Town) -> None:
    assert (await take(town, cold(town))).deed == "opens"
    up = cold(town, 1, "红", msg_type="Update", references="大连市气象台,W0,x")
    assert (await take(town, up)).deed == "upgrades"
    assert await held(town) == {"W0": "replaced", "W1": "live"}
    lift = cold(town, 2, headline="解除寒潮红色预警信号", msg_type="Cancel", references="大连市气象台,W1,x")
    assert (await take(town, lift)).deed == "lifts"
    assert await held(town) == {"W0": "replaced", "W1": "lifted", "W2": "ignored"}
    assert await kinds(town) == ["warning.issued", "warning.upgraded", "warning.lifted"]
    async with town.office.db.connect() as tx:
        assert await proof.contradictions(tx, town.office) == []
        await tx.execute(text("UPDATE warnings SET colour = 'blue'"))
        assert any("colour" in line for line in await proof.contradictions(tx, town.office))


@pytest.mark.invariant("I8")
async def test_the_same_one_from_two_sources_at_once_is_one(town: Town) -> None:
    taken = await asyncio.gather(*(take(town, cold(town), source=f"feed-{n}") for n in range(8)))
    assert sorted(one.deed for one in taken) == ["ignored"] * 7 + ["opens"]
    assert {one.because for one in taken} == {None, "known"}
    assert await kinds(town) == ["warning.issued"]


async def test_of_a_national_feed_only_what_is_ours_is_kept(town: Town) -> None:
    for n in range(40):
        code = f"<geocode><valueName>CPEAS Geographic Code</valueName><value>{370100 + n}000000</value></geocode>"
        await take(town, an_alert(an_info(area=code, expires=at(town, hours=9)), identifier=f"X{n}", sent=at(town)))
    assert await held(town) == {}
    assert await kinds(town) == []


async def test_what_cannot_be_read_is_kept_once_with_its_reason(town: Town) -> None:
    for _ in range(3):
        refused = await take(town, b"<html>502 Bad Gateway</html>")
        assert (refused.because, refused.because_zh) == ("not_an_alert", "这不是 CAP 预警，而是“html”。")
    assert await kinds(town) == ["warning.refused"]
    async with town.office.db.connect() as tx:
        (shown,) = await warnings.list_warnings(tx, town.office, LEADER, since=town.now - timedelta(days=1))
    assert (shown.state, shown.because_en) == ("refused", "That is no CAP alert but <html>.")


@pytest.mark.invariant("I5")
async def test_it_is_over_when_its_time_is_unless_it_was_prolonged(town: Town, clock: ManualClock) -> None:
    await take(town, cold(town))
    clock.advance(hours=23)
    await town.worker.turn()
    assert (await held(town))["W0"] == "live"
    await take(town, cold(town, 5, "黄"))
    clock.advance(hours=2)
    await town.worker.turn()
    assert await held(town) == {"W0": "replaced", "W5": "live"}
    clock.advance(hours=40)
    await town.worker.turn()
    await town.worker.turn()
    assert await held(town) == {"W0": "replaced", "W5": "over"}
    assert await kinds(town) == ["warning.issued", "warning.upgraded", "warning.over"]


async def test_exercises_open_nothing_and_say_so(town: Town) -> None:
    drill = await take(town, cold(town, status="Exercise"))
    assert (drill.deed, drill.because_zh) == ("ignored", "演习、测试或回执")
    assert await _warned(town) is False


async def test_while_it_holds_being_outside_is_a_danger(town: Town) -> None:
    assert await _warned(town) is False
    await take(town, cold(town))
    assert await _warned(town) is True
    await take(town, cold(town, 2, headline="解除寒潮蓝色预警信号"))
    assert await _warned(town) is False


async def _warned(town: Town) -> bool:
    async with town.office.db.connect() as tx:
        return (await weather.current(tx, town.office, town.now)).warned


async def test_not_everybody_hands_in_or_reads(town: Town) -> None:
    with pytest.raises(NotAllowed):
        await warnings.take_in(town.office, cold(town), source="x", by=PUBLIC, now=town.now)
    async with town.office.db.connect() as tx:
        with pytest.raises(NotAllowed):
            await warnings.list_warnings(tx, town.office, PUBLIC, since=datetime.now(CHINA))
