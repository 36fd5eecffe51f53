"""Forms as they are issued: what stands on them, that each proves itself, and that whatever is touched shows."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pypdfium2
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db as tables
from backend import locks, retention, rotation
from backend.access.actor import Actor
from backend.dispatch import field, looking
from backend.dispatch.case_photos import CasePhotoKind, add_case_photo
from backend.dispatch.protection import Belonging, HandOver, PersonMet
from backend.errors import Conflict, Invalid, NotAllowed, NotFound
from backend.ids import new_id
from backend.intake.photo_store import FolderStore
from backend.office import Office
from backend.referral.answering import Paper
from backend.referral.forms import issuing, reading
from backend.referral.forms.checking import check_file
from backend.referral.forms.code import new_code, read_code
from backend.referral.forms.no_help import NoHelp
from backend.referral.handing import by_referral
from backend.referral.incidents import reading as incident_reading
from backend.referral.incidents import reporting
from backend.referral.people import register
from backend.referral.people.person import ToldOf
from backend.referral.people.register import NewPerson
from backend.referral.people.register_rows import Done
from backend.referral.signature import Drawn
from backend.referral.station import searching_kin, stays
from backend.referral.station.notice import SearchNotice
from backend.referral.station.stay import ArrivalNote, Escort, Leaving
from backend.sealing import Ring, fresh_key
from ops import documents
from tests.api.builders import a_photo
from tests.dispatch.builders import DISPATCHER, EAST, LEADER, Town, somebody, to_hospital
from tests.keys import KEYS
from tests.referral.builders import Stations
from tests.referral.incidents import DISTRICT, WHOLE_CITY, a_form, every, with_levels
from tests.referral.people import WANG, a_house, an_old_man, comes_in, staff

ORIGIN = "https://rescue.example.cn"
NAME = Drawn(strokes=(((100, 80), (100, 300)), ((40, 120), (260, 120), (200, 200))))
ARRIVED = ArrivalNote(
    condition="体温正常，左腿无力", belongings="黑色双肩包一个", wishes=("food", "shelter"), signature=NAME
)


@pytest.fixture
def store(tmp_path: Path, town: Town) -> FolderStore:
    return FolderStore(tmp_path / "photos", town.office.ring)


def squeezed(document: bytes) -> str:
    """All text, without spaces and ends of lines: a thin space stands between Chinese and digits."""
    pages = pypdfium2.PdfDocument(document)
    return "".join("".join(page.get_textpage().get_text_range().split()) for page in pages)


async def issued(town: Town, store: FolderStore, stay_id: UUID, kind: Any, by: Actor) -> Done:
    command = town.by(by, "document.of_stay")
    return await issuing.issue_for_stay(town.office, store, stay_id, kind, command, origin=ORIGIN)


async def pdf_of(town: Town, done: Done, by: Actor) -> bytes:
    assert done.document_id is not None
    return (await reading.open_pdf(town.office, done.document_id, by=by, now=town.now)).pdf


async def wrong(town: Town, content: bytes, code: str | None = None) -> list[str]:
    """What a check finds against a file."""
    async with town.office.db.connect() as tx:
        return [one.en for one in await check_file(tx, town.office, content, code) if one.good is False]


async def in_the_house(town: Town, new: NewPerson | None = None) -> tuple[UUID, UUID, Actor]:
    """(stay, person, staff of the house)."""
    house = await a_house(town)
    done = await comes_in(town, house, new, arrival=ARRIVED)
    assert done.stay_id is not None
    assert done.person_id is not None
    return done.stay_id, done.person_id, staff(house)


def test_a_code_is_read_as_people_type_it_and_one_that_is_mistyped_is_none() -> None:
    code = new_code()
    assert read_code(f" {code.lower().replace('-', ' ')} ") == code
    for typed in (
        "",
        code[:-1],
        code.replace(code[0], "0", 1),
        code[1] + code[0] + code[2:] if code[0] != code[1] else "",
    ):
        with pytest.raises(Invalid) as refused:
            read_code(typed)
        assert refused.value.code == "bad_code"
    assert len({new_code() for _ in range(500)}) == 500


async def test_the_registration_says_who_asked_for_what_and_proves_itself(town: Town, store: FolderStore) -> None:
    stay_id, person_id, by = await in_the_house(town)
    await register.identify_person(town.office, person_id, WANG, "family", town.by(by))
    done = await issued(town, store, stay_id, "help_registration", by)
    pdf = await pdf_of(town, done, by)
    said = squeezed(pdf)
    for words in (
        "求助登记表",
        "S1救助管理站",
        "王小明",
        WANG.id_number,
        "体温正常，左腿无力",
        "黑色双肩包一个",
        "灰白短发",
        done.number,
    ):
        assert words is not None
        assert words in said, words
    assert done.code is not None
    assert f"{ORIGIN}/check/{done.code}" in said
    assert await wrong(town, pdf) == []
    (event,) = [one for one in await town.events() if one.kind == "document.issued"]
    (told,) = event.data["rows"]["documents"]
    assert "content" not in told and "pdf" not in told and "王" not in str(event.data)  # noqa: PT018 - one thing: nothing personal
    await town.is_sound()


async def test_what_was_touched_is_named(town: Town, store: FolderStore) -> None:
    stay_id, _, by = await in_the_house(town)
    done = await issued(town, store, stay_id, "help_registration", by)
    pdf = await pdf_of(town, done, by)
    assert await wrong(town, pdf + b" ") == ["the file is byte for byte as it was issued"]
    assert await wrong(town, b"%PDF-1.7 something else", done.code) == ["the file is byte for byte as it was issued"]
    with pytest.raises(Invalid) as refused:
        await wrong(town, b"%PDF-1.7 something else")
    assert refused.value.code == "no_marks"
    await town.run("UPDATE documents SET house = '别处' WHERE code = :code", code=done.code)
    assert await wrong(town, pdf) == ["the row was changed: house"]
    await town.run(
        "UPDATE documents SET house = 'S1救助管理站', pdf_sha256 = :no WHERE code = :code", no="0" * 64, code=done.code
    )
    assert "the row was changed: pdf_sha256" in await wrong(town, pdf)
    await town.run("DELETE FROM documents WHERE code = :code", code=done.code)
    assert await wrong(town, pdf) == ["the document is gone from the database, and the log tells of it"]
    forged = pdf.replace((done.code or "").encode(), new_code().encode())
    assert "it was not issued here" in " ".join(await wrong(town, forged))


async def test_issued_again_it_replaces_the_one_before_which_still_checks(town: Town, store: FolderStore) -> None:
    stay_id, person_id, by = await in_the_house(town)
    first = await issued(town, store, stay_id, "help_registration", by)
    other = await issued(town, store, stay_id, "stay_record", by)
    await register.identify_person(town.office, person_id, WANG, "family", town.by(by))
    command = town.by(by, "document.of_stay", id_=new_id())
    again = [
        await issuing.issue_for_stay(town.office, store, stay_id, "help_registration", command, origin=ORIGIN)
        for _ in range(2)
    ]
    assert again[0] == again[1], "sent twice, issued once"
    async with town.office.db.connect() as tx:
        shown = await reading.list_documents(tx, town.office, by, stay_id=stay_id)
        states = {
            one.document_id: (await reading.checked(tx, town.office, one.code or "")).state
            for one in (first, other, again[0])
        }
    assert {one.id: one.replaced_by for one in shown} == {
        first.document_id: again[0].document_id,
        other.document_id: None,
        again[0].document_id: None,
    }
    assert states == {first.document_id: "replaced", other.document_id: "valid", again[0].document_id: "valid"}
    assert [one.number[-4:] for one in shown] == ["0003", "0002", "0001"]
    assert await wrong(town, await pdf_of(town, first, by)) == []
    await town.is_sound()


async def test_why_somebody_stays_longer_stands_beside_until_when_and_is_nothing_of_their_health(
    town: Town, store: FolderStore
) -> None:
    stay_id, _, by = await in_the_house(town)
    for days, reason in ((20, "等家属来站"), (30, "家属延误")):
        await searching_kin.prolong(town.office, stay_id, town.now + timedelta(days=days), reason, town.by(by))
    said = squeezed(await pdf_of(town, await issued(town, store, stay_id, "stay_record", by), by))
    assert "延长理由等家属来站；家属延误" in said
    registration = squeezed(await pdf_of(town, await issued(town, store, stay_id, "help_registration", by), by))
    assert "体温正常" in registration
    assert "等家属来站" not in registration


async def _leaves(town: Town, stay_id: UUID, by: Actor, leaving: Leaving) -> None:
    await stays.let_leave(town.office, stay_id, leaving, town.by(by))


OF_LEAVING: Sequence[tuple[str, Leaving, Sequence[str]]] = [
    (
        "leave_declaration",
        Leaving(how="left_by_self", to="沈阳", signature=NAME),
        ("自行离站声明书", "特此声明", "沈阳"),
    ),
    (
        "end_notice",
        Leaving(how="help_ended", ground="refuses_to_leave", note="三次劝导"),
        ("终止救助通知书", "救助期满，无正当理由不愿离站", "申诉", "三次劝导"),
    ),
    (
        "escort_home",
        Leaving(
            how="escorted_home",
            to="河南信阳救助管理站",
            tickets="K1次 8车",
            escorts=(Escort("甲某", "male"), Escort("乙某", "male")),
        ),
        ("护送返乡交接书", "河南信阳救助管理站", "K1次8车", "甲某", "乙某", "须二人以上"),
    ),
]


@pytest.mark.parametrize(("kind", "leaving", "words"), OF_LEAVING, ids=[one[0] for one in OF_LEAVING])
async def test_a_form_about_leaving_is_there_once_they_left_so(
    town: Town, store: FolderStore, kind: str, leaving: Leaving, words: Sequence[str]
) -> None:
    stay_id, _, by = await in_the_house(town, NewPerson(sex="male", age_band="adult", told=ToldOf(description="高个")))
    with pytest.raises(Conflict) as refused:
        await issued(town, store, stay_id, kind, by)
    assert refused.value.code == "not_yet"
    await _leaves(town, stay_id, by, leaving)
    said = squeezed(await pdf_of(town, await issued(town, store, stay_id, kind, by), by))
    record = squeezed(await pdf_of(town, await issued(town, store, stay_id, "stay_record", by), by))
    for word in (*words, "未查明"):
        assert word in said, word
    assert "在站服务及离站登记表" in record
    await town.is_sound()


async def test_settlement_is_applied_for_with_everything_that_was_tried(town: Town, store: FolderStore) -> None:
    stay_id, _, by = await in_the_house(town)
    with pytest.raises(Conflict):
        await issued(town, store, stay_id, "settlement_application", by)
    notice = SearchNotice(title="寻亲公告", text="男，老年。", contact="0411-82500000")
    await searching_kin.publish_notice(town.office, stay_id, notice, town.by(by))
    town.clock.advance(days=92)
    await searching_kin.apply_for_settlement(town.office, stay_id, town.by(by))
    said = squeezed(await pdf_of(town, await issued(town, store, stay_id, "settlement_application", by), by))
    for word in ("落户安置申请表", "发布寻亲公告", "民发〔2020〕14号", "公安机关意见", "左臂"):
        assert word in said, word


async def test_help_never_ends_for_who_cannot_look_after_themselves_and_only_on_a_ground(town: Town) -> None:
    for new, ground, code in (
        (NewPerson(age_band="teen"), "refuses_to_leave", "not_to_be_ended"),
        (NewPerson(age_band="adult", sex="male"), None, "no_ground"),
        (NewPerson(age_band="adult", sex="male"), "unlawful", "police_not_told"),
    ):
        house = await a_house(town, f"H{code}"[:12])
        done = await comes_in(town, house, new)
        assert done.stay_id is not None
        wanted: Any = {"how": "help_ended", "ground": ground}
        with pytest.raises(Invalid) as refused:
            await _leaves(town, done.stay_id, staff(house), Leaving(**wanted))
        assert refused.value.code == code


async def test_a_hand_over_between_two_sides_bears_both_signatures_and_belongings(
    stations: Stations, store: FolderStore
) -> None:
    town = stations.town
    house = await stations.add()
    case_id = await town.arrived()
    crew = await town.crew(case_id)
    referral_id = await stations.offer(crew, case_id=case_id)
    command = town.by(staff(house), "document.hand_over")
    with pytest.raises(Conflict) as refused:
        await issuing.issue_hand_over(town.office, store, referral_id, command, origin=ORIGIN)
    assert refused.value.code == "not_yet"
    await stations.accept(referral_id)
    paper = Paper(
        giver="张队长", receiver="李值班", signature_giver=NAME, signature_receiver=NAME,
        belongings=(Belonging(what="双肩包", note="黑色"), Belonging(what="现金（元）", count=35)), condition="神志清楚",
    )  # fmt: skip
    await stations.hand_over(referral_id, paper=paper)
    done = await issuing.issue_hand_over(town.office, store, referral_id, command, origin=ORIGIN)
    for reader in (staff(house), crew):
        pdf = await pdf_of(town, done, reader)
    said = squeezed(pdf)
    for word in ("受助人员交接单", "S1站", "张队长", "李值班", "双肩包", "现金（元）", "35", "神志清楚", "本人同意"):
        assert word in said, word
    assert await wrong(town, pdf) == []
    await town.is_sound()


async def test_the_record_of_a_crew_gives_the_same_form_with_the_pictures_of_its_signatures(
    stations: Stations, store: FolderStore
) -> None:
    town = stations.town
    await stations.add()
    case_id = await town.arrived()
    crew = await town.crew(case_id)
    referral_id = await stations.offer(crew, case_id=case_id)
    await stations.accept(referral_id)
    kinds: Sequence[CasePhotoKind] = ("signature_crew", "signature_receiver", "scene")
    taken = [new_id() for _ in kinds]
    for photo_id, kind in zip(taken, kinds, strict=True):
        await add_case_photo(town.office, store, case_id, photo_id, kind, a_photo(), town.by(crew, "case.photo"))
    paper = HandOver(
        referral_id=referral_id, receiver="王站长", crew_signature=taken[0], receiver_signature=taken[1],
        belongings=(Belonging(what="编织袋"),), condition="腿部旧伤",
    )  # fmt: skip
    old = PersonMet(sex="male", age_band="old", consent="given")
    told: dict[str, Any] = {"station_told_at": town.now, "medical_called_at": None, "people": (old,)}
    record = to_hospital(town.now, outcome="escorted_to_station", hand_over=paper, **told)
    await field.handle(town.office, case_id, record, town.by(crew), by_referral)
    done = await issuing.issue_hand_over(
        town.office, store, referral_id, town.by(crew, "document.hand_over"), origin=ORIGIN
    )
    pdf = await pdf_of(town, done, crew)
    said = squeezed(pdf)
    for word in ("王站长", "编织袋", "腿部旧伤", "交接照片"):
        assert word in said, word
    pictures = [
        one for one in pypdfium2.PdfDocument(pdf)[0].get_objects() if one.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE
    ]
    assert len(pictures) == len(kinds), "both signatures and the photo of the spot"
    assert await wrong(town, pdf) == []


async def test_a_hand_over_to_the_police_that_nobody_was_asked_for_has_its_form_too(
    town: Town, store: FolderStore
) -> None:
    case_id = await town.arrived()
    crew = await town.crew(case_id)
    command = town.by(crew, "document.of_case")
    with pytest.raises(Conflict) as refused:
        await issuing.issue_for_case(town.office, store, case_id, command, origin=ORIGIN)
    assert refused.value.code == "not_yet"
    paper = HandOver(facility="中山派出所", receiver="民警王某", signed_by_crew=True, signed_by_receiver=True)
    told: dict[str, Any] = {"police_told_at": town.now, "police_told_by": "队长", "medical_called_at": None}
    child = PersonMet(
        sex="female", age_band="child", suspicions=("trafficking",), consent="not_possible", consent_ground="未成年"
    )
    record = to_hospital(town.now, outcome="to_police", hand_over=paper, people=(child,), **told)
    record = msgspec.structs.replace(record, crew_has_woman=True)
    await field.handle(town.office, case_id, record, town.by(crew))
    done = await issuing.issue_for_case(town.office, store, case_id, town.by(crew, "document.of_case"), origin=ORIGIN)
    again = await issuing.issue_for_case(town.office, store, case_id, town.by(crew, "document.of_case"), origin=ORIGIN)
    pdf = await pdf_of(town, again, crew)
    said = squeezed(pdf)
    for word in ("中山派出所", "民警王某", "儿童", "未查明", "已在纸质件上签名"):
        assert word in said, word
    (row,) = await town.rows(tables.documents, id=done.document_id)
    assert row["replaced_by"] == again.document_id
    assert await wrong(town, pdf) == []


async def test_what_a_document_says_goes_in_time_and_it_still_checks(town: Town, store: FolderStore) -> None:
    stay_id, person_id, by = await in_the_house(town, NewPerson(sex="male", age_band="adult"))
    kept = await pdf_of(town, await issued(town, store, stay_id, "help_registration", by), by)
    await _leaves(town, stay_id, by, Leaving(how="left_by_self", signature=NAME))
    town.clock.advance(days=1096 + 1)
    await retention.run(town.office, store, now=town.now, machine_now=town.now)
    (row,) = await town.rows(tables.documents)
    assert (row["content"], row["pdf"]) == ({}, b"")
    assert await town.rows(tables.persons, id=person_id) == []
    with pytest.raises(Conflict) as gone:
        await reading.open_pdf(town.office, row["id"], by=by, now=town.now)
    assert gone.value.code == "content_gone"
    assert await wrong(town, kept) == []
    await town.is_sound()


async def test_after_a_change_of_keys_the_file_opens_with_the_new_one_alone(town: Town, store: FolderStore) -> None:
    stay_id, _, by = await in_the_house(town)
    done = await issued(town, store, stay_id, "stay_record", by)
    pdf = await pdf_of(town, done, by)
    new = fresh_key("new")
    both = Office(town.office.city, town.office.db, ring=Ring.parse(f"{new},{KEYS}"))
    await rotation.reseal(both, FolderStore(store.root, both.ring))
    alone = Office(town.office.city, town.office.db, ring=Ring.parse(new))
    assert done.document_id is not None
    opened = await reading.open_pdf(alone, done.document_id, by=by, now=town.now)
    assert (opened.pdf, opened.content["sheet"]["title"]) == (pdf, "在站服务及离站登记表")


async def test_the_command_names_what_differs_and_ends_so(
    town: Town, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stay_id, _, by = await in_the_house(town)
    file = tmp_path / "form.pdf"
    file.write_bytes(await pdf_of(town, await issued(town, store, stay_id, "stay_record", by), by))
    url = town.office.db.url.render_as_string(hide_password=False)
    here = SimpleNamespace(database_url=url, city_folder=tmp_path, ring=town.office.ring)
    monkeypatch.setattr(documents, "settings_here", lambda: here)
    monkeypatch.setattr(documents, "open_city", lambda _: town.office.city)
    assert await asyncio.to_thread(documents.check, file) == 0
    file.write_bytes(file.read_bytes() + b" ")
    assert await asyncio.to_thread(documents.check, file) == documents.NOT_GENUINE
    said = capsys.readouterr().out
    assert "✔ 文件逐字节与出具时相同" in said
    assert "✘ 文件逐字节与出具时相同" in said


async def test_a_document_is_for_those_it_concerns_and_each_look_is_written_down(
    town: Town, store: FolderStore
) -> None:
    stay_id, _, by = await in_the_house(town)
    done = await issued(town, store, stay_id, "help_registration", by)
    other = await a_house(town, "S2")
    for who, refusal in ((staff(other), NotFound), (DISPATCHER, NotAllowed), (somebody("grid_worker"), NotAllowed)):
        with pytest.raises(refusal):
            await pdf_of(town, done, who)
        with pytest.raises((NotAllowed, NotFound)):
            await issued(town, store, stay_id, "help_registration", who)
    async with town.office.db.connect() as tx:
        assert await reading.list_documents(tx, town.office, staff(other)) == []
        assert len(await reading.list_documents(tx, town.office, LEADER, stay_id=stay_id)) == 1
    await pdf_of(town, done, by)
    looks = [one for one in await town.events() if one.kind == "look.document_read"]
    assert [one.data["document_id"] for one in looks] == [str(done.document_id)]
    for document_id, times in ((done.document_id, 1), (other, 0)):
        async with town.office.db.connect() as tx:
            asked: dict[str, Any] = {"case_id": None, "who": None, "before": None, "document_id": document_id}
            assert len(await looking.list_looks(tx, town.office, LEADER, **asked)) == times


async def test_who_is_not_helped_is_told_why_and_where_else_and_some_are_never_turned_away(
    town: Town, store: FolderStore
) -> None:
    house = await a_house(town)
    by = staff(house)

    async def refuse(wanted: NoHelp, replaces: UUID | None = None) -> Done:
        command = town.by(by, "document.no_help")
        return await issuing.issue_no_help(town.office, store, house, wanted, command, origin=ORIGIN, replaces=replaces)

    grown: Any = {"ground": "has_support", "told": "表兄家，已通话", "name": "刘某", "sex": "male", "age_band": "adult"}
    first = await refuse(NoHelp(**grown))
    said = squeezed(await pdf_of(town, first, by))
    for word in ("不予救助通知书", "刘某", "有亲友可以投靠", "表兄家，已通话", "申诉", "0411-82500000"):
        assert word in said, word
    again = await refuse(NoHelp(**{**grown, "name": "刘三"}), first.document_id)
    with pytest.raises(Conflict) as taken:
        await refuse(NoHelp(**grown), first.document_id)
    assert taken.value.code == "cannot_be_replaced"
    (row,) = await town.rows(tables.documents, id=first.document_id)
    assert row["replaced_by"] == again.document_id
    for never in ({"age_band": "child"}, {"age_band": "old"}, {"needs": ("injured",)}, {"needs": ("violence",)}):
        with pytest.raises(Invalid) as refused:
            await refuse(NoHelp(**{**grown, **never}))
        assert refused.value.code == "not_to_be_refused"
    assert await town.rows(tables.stays) == []
    await town.is_sound()


async def test_a_hidden_shelter_is_never_named_on_paper(town: Town, store: FolderStore) -> None:
    house = await a_house(town, "H1", hidden=True, kind="shelter", address="某街一号")
    done = await comes_in(town, house, an_old_man(), arrival=ARRIVED)
    assert done.stay_id is not None
    form = await issued(town, store, done.stay_id, "help_registration", staff(house))
    said = squeezed(await pdf_of(town, form, staff(house)))
    assert "庇护机构（地址保密）" in said
    for secret in ("H1救助管理站", "0411-82500000", "某街一号"):
        assert secret not in said
    async with town.office.db.connect() as tx:
        assert (await reading.checked(tx, town.office, form.code or "")).house == "庇护机构（地址保密）"
    ran = Leaving(how="runaway", police_told_at=town.now)
    await stays.let_leave(town.office, done.stay_id, ran, town.by(staff(house)))
    (missing,) = await every(town)
    command = town.by(staff(house), "document.of_incident")
    report = await issuing.issue_for_incident(town.office, store, missing.id, command, origin=ORIGIN)
    said = squeezed(await pdf_of(town, report, staff(house)))
    assert "发生地点庇护机构（地址保密）" in said
    assert "H1救助管理站" not in said


@pytest.mark.usefixtures("cheap_passwords")
async def test_the_report_of_an_incident_says_what_is_known_then_and_what_is_owed_and_who_acknowledged(
    town: Town, store: FolderStore
) -> None:
    await with_levels(town)
    stay_id, person_id, by = await in_the_house(town)
    await register.identify_person(town.office, person_id, WANG, "family", town.by(by))
    told_police = Leaving(how="death", note="凌晨发现无呼吸", police_told_at=town.now)
    await stays.let_leave(town.office, stay_id, told_police, town.by(by))
    (death,) = await every(town)

    async def report(who: Actor) -> tuple[Done, str]:
        command = town.by(who, "document.of_incident")
        done = await issuing.issue_for_incident(town.office, store, death.id, command, origin=ORIGIN)
        return done, squeezed(await pdf_of(town, done, DISTRICT))

    first, said = await report(by)
    number = (await town.rows(tables.persons, id=person_id))[0]["number"]
    for words in ("突发事件报告表", "死亡", "凌晨发现无呼吸", number, "待补报", "待签收", "S1救助管理站"):
        assert words in said, words
    assert "王" not in said, "by their number alone"
    await reporting.complete(town.office, death.id, a_form(town, what="凌晨发现无呼吸", who=""), town.by(by))
    await reporting.acknowledge(town.office, death.id, town.by(WHOLE_CITY))
    await reporting.follow_up(town.office, death.id, "法医已到场", town.by(by))
    await reporting.conclude(town.office, death.id, "心源性猝死", town.by(WHOLE_CITY))
    second, said = await report(DISTRICT)
    assert len(pypdfium2.PdfDocument(await pdf_of(town, second, DISTRICT))) == 1
    for words in ("胸外按压", "亲属不明", "法医已到场", "心源性猝死", "上级已办结", "已结论"):
        assert words in said, words
    assert "待补报" not in said.replace("注明“待补报”", "")
    async with town.office.db.connect() as tx:
        assert (await reading.checked(tx, town.office, first.code or "")).state == "replaced"
    whole = await incident_reading.one_incident(town.office, death.id, by=DISTRICT, now=town.now)
    assert whole.report is not None
    assert (whole.report.id, whole.may_issue) == (second.document_id, True)
    record = await issued(town, store, stay_id, "stay_record", by)
    with pytest.raises(NotAllowed):
        await pdf_of(town, record, DISTRICT)
    for stranger in (somebody("shift_leader", regions=(EAST,), id_="east"), somebody("checker")):
        with pytest.raises((NotAllowed, NotFound)):
            await report(stranger)
    await town.is_sound()


async def test_the_number_of_a_day_goes_on_and_the_next_day_begins_anew(town: Town, store: FolderStore) -> None:
    stay_id, _, by = await in_the_house(town)
    numbers = [(await issued(town, store, stay_id, "stay_record", by)).number for _ in range(2)]
    town.clock.advance(days=1)
    numbers.append((await issued(town, store, stay_id, "stay_record", by)).number)
    days = [town.office.city.local_day(town.now - timedelta(days=1)), town.office.city.local_day(town.now)]
    assert numbers == [f"W{days[0]}0001", f"W{days[0]}0002", f"W{days[1]}0001"]


async def test_while_a_report_is_printed_it_is_acknowledged(town: Town, store: FolderStore) -> None:
    """A death does not wait for the papers: those in the queue of the press hold up papers alone."""
    await with_levels(town)
    stay_id, _, by = await in_the_house(town)
    told_police = Leaving(how="death", note="凌晨发现无呼吸", police_told_at=town.now)
    await stays.let_leave(town.office, stay_id, told_police, town.by(by))
    (death,) = await every(town)
    command = town.by(by, "document.of_incident")
    async with asyncio.timeout(20), town.office.begin() as tx:
        await locks.hold(tx, f"documents:{town.office.city_id}")  # another document is being made
        printing = asyncio.create_task(issuing.issue_for_incident(town.office, store, death.id, command, origin=ORIGIN))
        while not await _waits_for_a_lock(tx):  # noqa: ASYNC110 - another connection
            await asyncio.sleep(0.02)
        await reporting.acknowledge(town.office, death.id, town.by(WHOLE_CITY))
    assert (await printing).document_id is not None


async def _waits_for_a_lock(tx: AsyncConnection) -> bool:
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    query = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {here}"
    return bool((await tx.exec_driver_sql(query)).scalar_one())
