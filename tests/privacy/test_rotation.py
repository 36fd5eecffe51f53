"""Keys are changed while the system serves: everything is sealed anew, found as before, and the old key can go."""

from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import personal, rotation
from backend.clock import ManualClock
from backend.dispatch import desk, find, looking, proof
from backend.dispatch.case_file import case_file, read_contacts
from backend.dispatch.words import of_case
from backend.intake.photo_rows import add_photo, read_photo
from backend.intake.photo_store import FolderStore
from backend.notify import outbox
from backend.office import Office
from backend.sealing import Ring, fresh_key
from tests.api.builders import a_photo
from tests.dispatch.builders import CONTACT, DISPATCHER, OPERATOR, Town, town
from tests.keys import KEYS

WORDS = "穿红棉袄的老人说自己姓欧阳"


async def filled(db: AsyncEngine, clock: ManualClock, folder: Path) -> tuple[Town, UUID, FolderStore]:
    """A town in which every sealed field says something."""
    made = await town(db, clock)
    report = made.report(OPERATOR, description=WORDS, address="人民路 5 号", contact=CONTACT, recording_ref="rec/1.wav")
    (receipt,) = await made.file(report)
    store = FolderStore(folder / "photos", made.office.ring)
    await add_photo(made.office, store, receipt.receipt, a_photo(), now=clock.now())
    async with made.office.begin() as tx:
        message = {"text": "您反映的情况已处理"}
        await outbox.enqueue(tx, made.office, "sms", "13900000000", message, now=clock.now())
    return made, receipt.case_id, store


def rotated(made: Town, *keys: str) -> Office:
    return Office(made.office.city, made.office.db, ring=Ring.parse(",".join(keys)))


async def everything(office: Office, case_id: UUID, store: FolderStore, clock: ManualClock) -> list[Any]:
    """What people read of a case."""
    async with office.db.connect() as tx:
        case = await find.get_case(tx, office, case_id)
        file = await case_file(tx, office, DISPATCHER, case)
        photo = (await tx.execute(select(tables.photos.c.file))).scalar_one()
        letter = (await tx.execute(select(tables.outbox).where(tables.outbox.c.way == "sms"))).one()
        sms = personal.opened(office.ring, tables.outbox, letter._mapping)["letter"]
    contacts = await read_contacts(office, case, by=OPERATOR, now=clock.now())
    calls = await looking.find_calls(office, "139 0000 0000", by=OPERATOR, now=clock.now())
    return [file.case.address, file.sightings, contacts, [c.case_id for c in calls], read_photo(store, photo), sms]


async def test_after_a_rotation_all_is_read_with_the_new_key_alone(
    db: AsyncEngine, clock: ManualClock, tmp_path: Path
) -> None:
    made, case_id, store = await filled(db, clock, tmp_path)
    before = await everything(made.office, case_id, store, clock)
    assert WORDS in str(before)
    assert case_id in before[3]
    new = fresh_key("new")
    both = rotated(made, new, KEYS)
    newer = FolderStore(store.root, both.ring)
    assert await everything(both, case_id, newer, clock) == before, "while rows wait, both keys read and find"
    counted = await rotation.left(both, newer)
    assert counted["test"] == sum(counted.values()) > 6
    done = await rotation.reseal(both, newer)
    assert (done.values + done.files, done.unopened) == (counted["test"], 0)
    assert await rotation.left(both, newer) == {"new": counted["test"]}
    alone = rotated(made, new)
    assert await everything(alone, case_id, FolderStore(store.root, alone.ring), clock) == before
    again = await rotation.reseal(both, newer)
    assert (again.values, again.files) == (0, 0)


async def test_what_no_key_opens_is_left_and_counted(db: AsyncEngine, clock: ManualClock, tmp_path: Path) -> None:
    made, _, store = await filled(db, clock, tmp_path)
    stranger = rotated(made, fresh_key("stranger"))
    kept = await made.rows(tables.sightings)
    done = await rotation.reseal(stranger, FolderStore(store.root, stranger.ring))
    assert (done.values, done.files) == (0, 0)
    assert done.unopened > 6
    assert await made.rows(tables.sightings) == kept
    left = await rotation.left(stranger, FolderStore(store.root, stranger.ring))
    assert set(left) == {made.office.ring.newest.id.hex()}


async def test_a_photo_of_the_version_before_is_sealed_under_a_new_name(
    db: AsyncEngine, clock: ManualClock, tmp_path: Path
) -> None:
    made, _, store = await filled(db, clock, tmp_path)
    plain, key = a_photo((20, 20)), "ab" * 32
    folder = store.root / "ab" / "ab"
    folder.mkdir(parents=True)
    (folder / f"{key}.jpg").write_bytes(plain)
    async with made.office.db.begin() as tx:
        await tx.execute(update(tables.photos).values(file=key))
    async with made.office.db.connect() as tx:
        row = (await tx.execute(select(tables.photos))).one()
    async with made.office.db.begin() as tx:  # two rows may name one file of the version before
        other = {**row._asdict(), "id": UUID(int=7)}
        del other["leaving_at"]
        await tx.execute(insert(tables.photos).values(**other))
    await rotation.reseal(made.office, store)
    async with made.office.db.connect() as tx:
        names = list((await tx.execute(select(tables.photos.c.file))).scalars())
    assert key not in names
    assert [read_photo(store, name) for name in names] == [plain, plain]
    assert not list(store.root.rglob("*.jpg"))


async def test_a_reason_is_read_by_its_event_and_a_changed_one_shows(db: AsyncEngine, clock: ManualClock) -> None:
    made = await town(db, clock)
    case_id = await made.dispatched()
    await desk.withdraw_team(made.office, case_id, "队伍说找王小明去了", made.by(DISPATCHER))
    async with made.office.db.connect() as tx:
        (spoken,) = (await of_case(tx, made.office, case_id)).values()
        assert spoken == "队伍说找王小明去了"
        assert await proof.contradictions(tx, made.office) == []
        log = (await tx.execute(text("SELECT string_agg(data::text, ' ') FROM events"))).scalar_one()
    assert "王小明" not in log
    async with made.office.db.begin() as tx:
        (event_id,) = (await tx.execute(select(tables.event_words.c.event_id))).scalars()
        forged = personal.sealed(
            made.office.ring, tables.event_words, {"event_id": event_id, "words": "0" * 32 + "另一句"}
        )
        await tx.execute(update(tables.event_words).values(words_sealed=forged["words_sealed"]))
    async with made.office.db.connect() as tx:
        assert await proof.contradictions(tx, made.office) == [
            f"event_words {event_id}: changed since they were written"
        ]
