"""People of the register go when their own time is over, with everything about them, and not a day before."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from backend import db as tables
from backend import personal, rotation
from backend.dispatch.proof import REGISTER
from backend.ids import new_id
from backend.intake.photo_store import FolderStore
from backend.referral.people import case_people, person_photos, sameness
from backend.sealing import fresh_key
from tests.api.builders import a_photo
from tests.dispatch.builders import SPOT, Town, east_of
from tests.keys import KEYS
from tests.privacy.test_retention import counted, ran
from tests.privacy.test_rotation import rotated
from tests.referral.people import KEEPER, WANG, an_old_man, file, person, registered


@pytest.fixture
def store(town: Town, tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "photos", town.office.ring)


async def _of_a_closed_case(town: Town, store: FolderStore) -> UUID:
    """Somebody with a name and a photo, whose case is verified now."""
    case_id = await town.handled()
    done = await registered(town, an_old_man(identity=WANG, source="document"), case_id=case_id)
    assert done.person_id is not None
    command = town.by(KEEPER)
    await person_photos.add_person_photo(town.office, store, done.person_id, new_id(), a_photo(), command)
    await town.verify(case_id)
    return done.person_id


async def test_first_the_photo_goes_and_then_the_person_and_nothing_is_left_but_the_log(
    town: Town, store: FolderStore
) -> None:
    await _of_a_closed_case(town, store)
    begun, gone = town.now, dict[int, set[str]]()
    for day in (364, 366, 1094, 1096):
        town.clock.set(begun + timedelta(days=day))
        found = await ran(town, store)
        gone[day] = set(found) & {"photos", "persons", "case_people", "person_suggestions"}
        await town.is_sound()
    assert gone == {364: set(), 366: {"photos"}, 1094: set(), 1096: {"case_people", "persons"}}
    assert await counted(town) == {}
    for table in REGISTER:
        assert await town.rows(table) == []
    assert not [path for path in store.root.rglob("*") if path.is_file()]
    await town.is_sound()


async def test_whoever_is_in_an_open_case_stays_with_all_their_records(town: Town, store: FolderStore) -> None:
    old = await _of_a_closed_case(town, store)
    town.clock.advance(days=1000)
    again = await person(town)
    await sameness.merge_people(town.office, old, again, town.by(KEEPER))
    town.clock.advance(days=200)
    removed = await ran(town, store)
    assert not set(removed) & {"photos", "persons", "case_people", "person_suggestions"}
    assert len((await file(town, old)).records) == 2
    await sameness.unmerge_person(town.office, old, town.by(KEEPER))
    removed = await ran(town, store)
    assert {"photos", "case_people"} <= set(removed), "for itself its time is over"
    assert len((await file(town, again)).records) == 1


async def test_a_case_met_again_begins_the_time_anew(town: Town, store: FolderStore) -> None:
    old = await _of_a_closed_case(town, store)
    case_id = await town.accepted(east_of(SPOT, 1500))
    await case_people.link_person(town.office, old, case_id, town.by(KEEPER))
    town.clock.advance(days=2000)
    assert not set(await ran(town, store)) & {"photos", "persons", "case_people"}


async def test_after_keys_are_changed_everybody_is_found_and_read_as_before(town: Town, store: FolderStore) -> None:
    one = await _of_a_closed_case(town, store)
    before = (await file(town, one)).records
    new = fresh_key("new")
    both = rotated(town, new, KEYS)
    newer = FolderStore(store.root, both.ring)
    await rotation.reseal(both, newer)
    town.office = rotated(town, new)
    assert (await file(town, one)).records == before
    (row,) = await town.rows(tables.persons)
    assert row["name_index"] == personal.name_indexes(town.office.ring, "王小明")[0]
    assert row["id_number_index"] == personal.id_number_indexes(town.office.ring, WANG.id_number)[0]
