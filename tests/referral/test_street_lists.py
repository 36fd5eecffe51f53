"""Lists for the streets: each with its own people and nobody else's, named, each person a look; the file says who took it."""

import io
import zipfile

import pytest
from lxml import etree

from backend.access.actor import Actor
from backend.errors import Conflict, NotAllowed, NotFound
from backend.referral.home import desk, due, moving, street_book, street_list
from backend.referral.home.returnee import HomeNow
from backend.referral.people.person import ToldOf
from backend.referral.people.register import NewPerson
from tests.dispatch.builders import DISPATCHER, EAST, GRID_WORKER, LEADER, SUPERVISOR, WEST, Town, somebody
from tests.referral.homes import AT_HOME, WELL, entry, goes_home, passes, visited
from tests.referral.people import WANG, a_house, an_old_man, registered

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
NAMED = NewPerson(
    sex="male", age_band="adult", told=ToldOf(vulnerable=("mental_illness",)), identity=WANG, source="document"
)
OTHER_STREET = HomeNow(region="210203004", street="北岗/街道", address="=1+1 北岗街 7 号", contact="邻居")
IN_THE_EAST = HomeNow(region=EAST, street="桃源街道", address="解放路 9 号")


async def _book(town: Town, by: Actor = LEADER, region: str | None = None) -> dict[str, list[list[str]]]:
    """Sheet → rows of the file as a reader gets it."""
    made = await street_list.export(town.office, region=region, by=by, now=town.now)
    with zipfile.ZipFile(io.BytesIO(street_book.workbook(made, town.office.city.zone))) as packed:
        assert str(made.number) in packed.read("docProps/core.xml").decode()
        words = etree.fromstring(packed.read("xl/sharedStrings.xml")).iter(f"{MAIN}si")
        shared = ["".join(one.itertext()) for one in words]
        names = [one.get("name") for one in etree.fromstring(packed.read("xl/workbook.xml")).iter(f"{MAIN}sheet")]
        pages = [etree.fromstring(packed.read(f"xl/worksheets/sheet{n}.xml")) for n in range(1, len(names) + 1)]
        assert not any(list(page.iter(f"{MAIN}f")) for page in pages), "no cell is a formula"
    return {
        name or "": [[_cell(cell, shared) for cell in row] for row in page.iter(f"{MAIN}row")]
        for name, page in zip(names, pages, strict=True)
    }


def _cell(cell: etree._Element, shared: list[str]) -> str:
    value = "".join(cell.itertext())
    return shared[int(value)] if cell.get("t") == "s" else value


async def test_each_street_has_a_sheet_with_its_own_people_and_the_file_says_who_took_it(town: Town) -> None:
    house = await a_house(town)
    one, two = await goes_home(town, house, NAMED), await goes_home(town, house, home=OTHER_STREET)
    await goes_home(town, house, WELL, IN_THE_EAST)
    await registered(town, an_old_man())
    await passes(town, days=50)
    await visited(town, one, "at_home_well")
    sheets = await _book(town)
    assert set(sheets) == {"西岗区 日新街道", "210203004 北岗 街道", "中山区 桃源街道"}
    mine = sheets["西岗区 日新街道"]
    assert "某人" in mine[1][0]
    assert "不得转发" in mine[1][0]
    heads, row = mine[2], dict(zip(mine[2], mine[3], strict=True))
    assert len(mine) == 4, "nobody of another street"
    assert (row["姓名"], row["现住址"], row["重点原因"]) == ("王小明", "香炉礁 12 号", "精神障碍")
    assert (row["上次情况"], row["已回访次数"], row["状态"]) == ("在家，情况稳定", "1", "回访中")
    other = dict(zip(heads, sheets["210203004 北岗 街道"][3], strict=True))
    assert other["现住址"] == "=1+1 北岗街 7 号", "a text stays a text"
    assert other["姓名"] == "身份不明"
    looks = [e.data["person_id"] for e in await town.events() if e.kind == "look.person_read"]
    assert {str(one), str(two)} <= set(looks)
    (event,) = [e for e in await town.events() if e.kind == "returnee.list_exported"]
    assert (event.data["people"], event.data["streets"], event.actor["id"]) == (3, 3, LEADER.id)
    assert set(await _book(town, region="210203004")) == {"210203004 北岗 街道"}
    assert set(await _book(town, by=somebody("civil_affairs", regions=(EAST,), id_="e"))) == {"中山区 桃源街道"}
    for who in (DISPATCHER, SUPERVISOR, GRID_WORKER):
        with pytest.raises(NotAllowed):
            await _book(town, by=who)


async def test_another_city_is_told_by_its_list_once(town: Town) -> None:
    ill = await goes_home(town, await a_house(town), home=HomeNow(region="411502", address="河南信阳浉河区"))
    row = await entry(town, ill)
    assert (row["state"], row["told_at"]) == ("elsewhere", None)
    assert set(await _book(town, region="411500")) == {"411502"}
    with pytest.raises(Conflict):
        await street_list.mark_told(town.office, "370200", town.by(LEADER))
    await street_list.mark_told(town.office, "411500", town.by(LEADER))
    assert (await entry(town, ill))["told_at"] == town.now
    with pytest.raises(Conflict):
        await street_list.mark_told(town.office, "411500", town.by(LEADER))
    await passes(town, days=366)
    assert (await entry(town, ill))["end_reason"] == "over"
    await town.is_sound()


async def test_the_desk_shows_no_name_in_its_list_and_the_entry_only_to_who_needs_it(town: Town) -> None:
    house = await a_house(town)
    ill = await goes_home(town, house, NAMED)
    await passes(town, days=55)
    async with town.office.db.connect() as tx:
        for by in (LEADER, DISPATCHER, SUPERVISOR):
            seen = await desk.desk_of(tx, town.office, by=by, now=town.now)
            assert [one.person.id for one in seen.returnees] == [ill]
            assert [(one.name, one.people, one.late) for one in seen.streets] == [("西岗区 日新街道", 1, 0)]
            assert "王小明" not in str(seen)
            assert "香炉礁" not in str(seen)
        eastern = somebody("shift_leader", regions=(EAST,), id_="east")
        assert (await desk.desk_of(tx, town.office, by=eastern, now=town.now)).returnees == []
    id_ = (await entry(town, ill))["id"]
    file = await desk.open_entry(town.office, id_, by=LEADER, now=town.now)
    assert (file.name, file.entry.home.address, file.may_change) == ("王小明", "香炉礁 12 号", True)
    hidden = await desk.open_entry(town.office, id_, by=DISPATCHER, now=town.now)
    assert (hidden.name, hidden.may_change) == (None, False)
    with pytest.raises(NotFound):
        await desk.open_entry(town.office, id_, by=eastern, now=town.now)
    visits = await due.list_home_visits(town.office, by=GRID_WORKER, now=town.now)
    assert [(one.name, one.home.contact, one.made) for one in visits] == [("王小明", "儿子王强", 0)]
    assert await due.list_home_visits(town.office, by=somebody("grid_worker", regions=(EAST,)), now=town.now) == []
    await due.list_home_visits(town.office, by=GRID_WORKER, now=town.now)
    looks = [e.actor["id"] for e in await town.events() if e.kind == "look.person_read"]
    assert looks == [LEADER.id, DISPATCHER.id, GRID_WORKER.id], "whoever looks again at once has not looked anew"
    await moving.end_returnee(town.office, id_, "in_care", "住进福利院", town.by(LEADER))
    async with town.office.db.connect() as tx:
        ended = await desk.desk_of(tx, town.office, by=LEADER, now=town.now, wanted="ended")
    assert [one.end_reason for one in ended.returnees] == ["in_care"]
    assert AT_HOME.region == WEST
