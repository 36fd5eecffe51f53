"""Receipts: by a code made for one receiver, without signing in; shown is never taken back."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.errors import NotFound
from backend.ids import new_id
from backend.notify import receipts
from backend.notify.receipts import Told, code_for, read_code
from backend.office import Office
from backend.sealing import Ring, fresh_key
from tests.access.builders import NOW, an_office
from tests.keys import KEYS, RING
from tests.notify.test_devices import an_app, register, somebody


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return an_office(db)


async def a_notice(office: Office) -> UUID:
    notice_id = new_id()
    row = {"id": notice_id, "to": "team:x", "kind": "offer.made", "rung": "push", "began_at": NOW, "climbs_at": NOW}
    async with office.db.begin() as tx:
        await tx.execute(insert(tables.notices).values(city_id=office.city_id, **row))
    return notice_id


async def of(office: Office) -> list[Any]:
    async with office.db.connect() as tx:
        return list((await tx.execute(select(tables.notice_receipts))).all())


async def test_a_receipt_says_who_when_and_by_what(office: Office) -> None:
    wang, notice_id = await somebody(office), await a_notice(office)
    device = await register(office, an_app(), wang)
    assert wang.session_id is not None
    for told in (Told("device", device), Told("session", wang.session_id)):
        code = code_for(office.ring, notice_id, told)
        await receipts.receive(office, notice_id, code, shown=False, now=NOW)
    found = {(row.way, str(row.account_id), row.received_at, row.shown) for row in await of(office)}
    assert found == {(way, wang.id, NOW, False) for way in ("fcm", "socket")}


async def test_shown_stops_the_ladder_and_is_never_taken_back(office: Office) -> None:
    notice_id = await a_notice(office)
    code = code_for(office.ring, notice_id, Told("device", await register(office, an_app(), await somebody(office))))
    for shown, expected in ((False, False), (True, True), (False, True)):
        await receipts.receive(office, notice_id, code, shown=shown, now=NOW)
        [row] = await of(office)
        assert row.shown is expected
        async with office.db.connect() as tx:
            notice = (await tx.execute(select(tables.notices))).one()
        assert (notice.reached_at is not None, notice.climbs_at is None) == (expected, expected)


def test_a_code_is_good_for_one_notice_and_one_receiver_and_after_the_keys_changed() -> None:
    notice_id, told = new_id(), Told("device", new_id())
    code = code_for(RING, notice_id, told)
    assert read_code(RING, notice_id, code) == told
    assert read_code(Ring.parse(f"{fresh_key('newer')},{KEYS}"), notice_id, code) == told
    wrong = [(new_id(), code), (notice_id, code_for(Ring.parse(fresh_key("x")), notice_id, told))]
    wrong += [(notice_id, text) for text in ("", "x", "密", code[:-4], "A" * 44, code[::-1], code + "AAAA")]
    for other, text in wrong:
        with pytest.raises(NotFound):
            read_code(RING, other, text)


async def test_of_a_notice_that_there_is_not_there_is_no_receipt(office: Office) -> None:
    notice_id = new_id()
    code = code_for(office.ring, notice_id, Told("device", new_id()))
    with pytest.raises(NotFound):
        await receipts.receive(office, notice_id, code, shown=True, now=NOW)
