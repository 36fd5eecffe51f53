"""Photos that a crew takes of a case, and signatures drawn on its phone: who may add them, once, and what they count for."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from backend import db
from backend.dispatch import proof
from backend.ids import new_id
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, Api, Person, a_handling, a_photo, a_report, problem_of

HERE = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}
OLD = {"sex": "male", "age_band": "old", "capacity": "capable", "consent": "given"}
STATION = {"facility": "大连市救助管理站", "receiver": "王"}


async def _arrived(api: Api) -> tuple[Person, str]:
    """An officer on the spot, and the address of the case."""
    near, _ = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officer = await api.person("officer", team_id=near)
    receipt = await api.public.did("/api/reports", a_report())
    await api.work()
    task = await officer.saw("/api/officer/task")
    await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    case = f"/api/cases/{receipt['case_id']}"
    await officer.did(f"{case}/arrive", HERE)
    api.clock.advance(minutes=5)
    return officer, case


async def _photo(officer: Person, case: str, kind: str = "scene", **more: Any) -> str:
    """A photo of this kind that is taken in; its id."""
    id_ = str(new_id())
    answer = await officer.upload(f"{case}/photos", id=id_, kind=kind, **more)
    assert answer.status_code == 201, answer.text
    assert answer.json()["id"] == id_
    return id_


def _escorted(api: Api, **hand_over: Any) -> dict[str, Any]:
    paper = {**STATION, **hand_over}
    return a_handling(
        api.clock.now().isoformat(), outcome="escorted_to_station", people=[OLD], hand_over=paper, crew_has_man=True
    )


async def _items(who: Person, case: str) -> dict[str, dict[str, Any]]:
    return {item["code"]: item for item in (await who.saw(f"{case}/evidence"))["items"]}


@pytest.mark.invariant("I8")
async def test_a_photo_sent_again_and_at_once_is_one_photo(api: Api) -> None:
    officer, case = await _arrived(api)
    id_ = str(new_id())
    sent = [officer.upload(f"{case}/photos", id=id_, kind="scene") for _ in range(4)]
    answers = [answer.json() for answer in await asyncio.gather(*sent)]
    again = await officer.upload(f"{case}/photos", a_photo((90, 90)), id=id_, kind="scene")
    assert [*answers, again.json()] == [answers[0]] * 5
    async with api.office.db.connect() as tx:
        assert (await tx.execute(select(func.count()).select_from(db.photos))).scalar_one() == 1
        kinds = select(func.count()).where(db.events.c.kind == "case.photo_added")
        assert (await tx.execute(kinds)).scalar_one() == 1
        assert await proof.contradictions(tx, api.office) == []
    files = [path for path in (api.parts.settings.data_folder / "photos").rglob("*") if path.is_file()]
    assert len(files) == 2, "the picture and its thumbnail, of one of them"


async def test_an_id_stands_for_one_photo_of_one_case_and_kind(api: Api) -> None:
    officer, case = await _arrived(api)
    id_ = await _photo(officer, case)
    said = problem_of(await officer.upload(f"{case}/photos", id=id_, kind="signature_crew"))
    assert (said["status"], said["code"], said["field"]) == (409, "id_reused", "id")


async def test_what_is_known_of_a_photo_stands_in_the_log_and_nothing_of_its_metadata(api: Api) -> None:
    officer, case = await _arrived(api)
    taken = api.clock.now() - timedelta(minutes=2)
    answer = await officer.upload(
        f"{case}/photos", a_photo(gps=True), id=str(new_id()), kind="scene", occurred_at=taken.isoformat()
    )
    checker = await api.person("checker")
    event = (await checker.saw(f"{case}/events"))["events"][-1]
    assert (event["kind"], event["data"]["kind"], event["data"]["photo_id"]) == (
        "case.photo_added",
        "scene",
        answer.json()["id"],
    )
    assert event["data"]["team_id"] == str(officer.me.team_id)
    async with api.office.db.connect() as tx:
        assert (await tx.execute(select(db.photos.c.taken_at))).scalar_one() == taken
    picture = await checker.get(f"{case}/photos/{answer.json()['id']}")
    assert picture.content[:2] == b"\xff\xd8"
    assert b"PHONE-OF-SOMEBODY" not in picture.content


async def test_the_team_adds_photos_until_the_case_is_closed_and_nobody_else_does(api: Api) -> None:
    officer, case = await _arrived(api)
    checker, dispatcher = await api.person("checker"), await api.person("dispatcher")
    other = await api.person("officer", team_id=(await api.teams(IN_XIGANG))[0])
    for who, status in ((checker, 403), (dispatcher, 403), (other, 404), (api.public, 401)):
        said = problem_of(await who.upload(f"{case}/photos", id=str(new_id()), kind="scene"))
        assert said["status"] == status, who.me.roles
    await officer.did(f"{case}/handle", a_handling(api.clock.now().isoformat()))
    late = await _photo(officer, case)
    await checker.did(f"{case}/verify")
    said = problem_of(await officer.upload(f"{case}/photos", id=str(new_id()), kind="scene"))
    assert (said["status"], said["code"]) == (409, "case_closed")
    assert (await officer.upload(f"{case}/photos", id=late, kind="scene")).json()["id"] == late, "it is there already"


async def test_so_many_of_a_kind_and_no_more_until_somebody_is_sent_again(api: Api) -> None:
    officer, case = await _arrived(api)
    checker, dispatcher = await api.person("checker"), await api.person("dispatcher")
    for _ in range(api.office.city.policy.intake.max_photos):
        await _photo(officer, case)
    said = problem_of(await officer.upload(f"{case}/photos", id=str(new_id()), kind="scene"))
    assert (said["status"], said["code"], said["field"]) == (422, "too_many_photos", "photo")
    await _photo(officer, case, "signature_crew")
    await officer.did(f"{case}/handle", a_handling(api.clock.now().isoformat()))
    await checker.did(f"{case}/send-back", {"reason": "照片不清"})
    await dispatcher.did(f"{case}/assign", {"team_id": str(officer.me.team_id), "reason": "再去"})
    await _photo(officer, case)


@pytest.mark.parametrize(
    ("fields", "picture", "field"),
    [
        ({"kind": "scene"}, None, "id"),
        ({"id": str(new_id()), "kind": "selfie"}, None, "kind"),
        ({"id": "1", "kind": "scene"}, None, "id"),
        ({"id": str(new_id()), "kind": "scene"}, b"<svg/>", "photo"),
        ({"id": str(new_id()), "kind": "scene", "occurred_at": "gestern"}, None, "occurred_at"),
    ],
)
async def test_what_is_wrong_with_a_photo_is_named(
    api: Api, fields: dict[str, str], picture: bytes | None, field: str
) -> None:
    officer, case = await _arrived(api)
    said = problem_of(await officer.upload(f"{case}/photos", picture, **fields))
    assert (said["status"], said["field"]) == (422, field)


async def test_a_hand_over_with_both_signatures_is_signed(api: Api) -> None:
    officer, case = await _arrived(api)
    checker = await api.person("checker")
    unsigned = problem_of(await officer.post(f"{case}/handle", _escorted(api)))
    assert [one["code"] for one in unsigned["violations"]] == ["hand_over_unsigned"]
    crew, receiver = [await _photo(officer, case, f"signature_{who}") for who in ("crew", "receiver")]
    await officer.did(f"{case}/handle", _escorted(api, crew_signature=crew, receiver_signature=receiver))
    paper = (await checker.saw(case))["handlings"][0]["record"]["hand_over"]
    assert (paper["signed_by_crew"], paper["crew_signature"]) == (True, crew)
    item = (await _items(checker, case))["hand_over"]
    assert (item["state"], item["facts"]["signatures"]) == ("ok", 2)


async def test_a_hand_over_that_was_signed_on_paper_is_taken_at_its_word(api: Api) -> None:
    officer, case = await _arrived(api)
    await officer.did(f"{case}/handle", _escorted(api, signed_by_crew=True, signed_by_receiver=True))
    item = (await _items(await api.person("checker"), case))["hand_over"]
    assert (item["state"], item["facts"]["signatures"]) == ("ok", 0)


@pytest.mark.invariant("I9")
@pytest.mark.parametrize("wrong", ["nothing", "another kind"])
async def test_a_signature_that_has_not_come_in_is_named_and_the_record_can_be_sent_again(api: Api, wrong: str) -> None:
    officer, case = await _arrived(api)
    crew = await _photo(officer, case, "signature_crew")
    receiver = crew if wrong == "another kind" else str(new_id())
    body = {"command_id": str(new_id()), **_escorted(api, crew_signature=crew, receiver_signature=receiver)}
    said = problem_of(await officer.post(f"{case}/handle", body))
    assert (said["status"], said["code"]) == (422, "no_such_signature")
    assert said["field"] == "handling.hand_over.receiver_signature"
    right = await _photo(officer, case, "signature_receiver")
    body["handling"]["hand_over"]["receiver_signature"] = right
    assert (await officer.did(f"{case}/handle", body))["stage"] == "handled"


async def test_the_photos_that_are_there_count_for_the_record_and_for_the_checker(api: Api) -> None:
    officer, case = await _arrived(api)
    checker = await api.person("checker")
    empty = a_handling(api.clock.now().isoformat(), outcome="not_found", people=[])
    shown = problem_of(await officer.post(f"{case}/handle", empty))
    assert [one["code"] for one in shown["violations"]] == ["search_not_shown"]
    ids = [await _photo(officer, case) for _ in range(2)]
    await officer.did(f"{case}/handle", empty)
    assert (await checker.saw(case))["handlings"][0]["record"]["photos"] == 2
    evidence = await checker.saw(f"{case}/evidence")
    assert [one["id"] for one in evidence["photos"]] == ids
    item = (await _items(checker, case))["photo"]
    assert (item["state"], item["facts"]["scene"]) == ("ok", 2)


async def test_a_record_that_speaks_of_more_photos_than_came_in_is_doubted(api: Api) -> None:
    officer, case = await _arrived(api)
    await _photo(officer, case)
    await officer.did(f"{case}/handle", a_handling(api.clock.now().isoformat(), photos=3))
    checker = await api.person("checker")
    assert (await _items(checker, case))["photo"]["state"] == "doubtful"
    for _ in range(2):
        await _photo(officer, case)
    assert (await _items(checker, case))["photo"]["state"] == "ok"
