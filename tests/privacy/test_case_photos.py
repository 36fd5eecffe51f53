"""What a crew photographed, signatures too, is read by those who may read its record; each look is written down, and it goes in time."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import retention
from backend.clock import ManualClock
from backend.dispatch import proof
from backend.dispatch.case_photos import add_case_photo
from backend.ids import new_id
from backend.intake.photo_store import FolderStore
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, XIGANG, Api, a_handling, a_photo, a_report, problem_of
from tests.dispatch.builders import town

READS = {"officer", "checker", "shift_leader"}


async def test_only_who_reads_the_record_of_a_visit_sees_its_photos(api: Api) -> None:
    near, far = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    people = {"officer": await api.person("officer", team_id=near)}
    people["another officer"] = await api.person("officer", team_id=far)
    people["a checker elsewhere"] = await api.person("checker", regions=(XIGANG,))
    for role in ("checker", "shift_leader", "dispatcher", "operator", "supervisor", "civil_affairs", "admin"):
        people[role] = await api.person(role)
    case_id = (await api.public.did("/api/reports", a_report()))["case_id"]
    await api.work()
    officer, case = people["officer"], f"/api/cases/{case_id}"
    await officer.did(f"/api/offers/{(await officer.saw('/api/officer/task'))['offer']['id']}/accept")
    photo = (await officer.upload(f"{case}/photos", id=str(new_id()), kind="signature_receiver")).json()["id"]
    await officer.did(f"{case}/arrive", {"reason": "到达"})
    await officer.did(f"{case}/handle", a_handling(api.clock.now().isoformat()))
    for name, who in people.items():
        answer = await who.get(f"{case}/photos/{photo}")
        assert (answer.status_code == 200) == (name in READS), (name, answer.text[:200])
        file = await who.get(case)
        listed = file.json().get("case_photos", []) if file.is_success else []
        assert [one["id"] for one in listed] == ([photo] if name in READS else []), name
    leader = people["shift_leader"]
    looks = (await leader.saw("/api/looks", case_id=case_id))["looks"]
    seen = [look["who"] for look in looks if look["what"] == "photo_read"]
    assert sorted(seen) == sorted(people[name].me.id for name in READS)


async def test_a_photo_of_another_case_is_not_found_under_this_one(api: Api) -> None:
    near, far = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officer, dispatcher, checker = (
        await api.person("officer", team_id=near),
        await api.person("dispatcher"),
        await api.person("checker"),
    )
    cases = [(await api.public.did("/api/reports", a_report(place)))["case_id"] for place in (IN_ZHONGSHAN, IN_XIGANG)]
    for case_id, team in zip(cases, (near, far), strict=True):
        await dispatcher.did(f"/api/cases/{case_id}/assign", {"team_id": str(team), "reason": "近"})
    photo = (await officer.upload(f"/api/cases/{cases[0]}/photos", id=str(new_id()), kind="scene")).json()["id"]
    assert problem_of(await checker.get(f"/api/cases/{cases[1]}/photos/{photo}"))["status"] == 404
    assert (await checker.get(f"/api/cases/{cases[0]}/photos/{photo}")).status_code == 200


async def test_a_crews_photos_go_when_those_of_reporters_do(
    db: AsyncEngine, clock: ManualClock, tmp_path: Path
) -> None:
    made = await town(db, clock)
    store = FolderStore(tmp_path / "photos", made.office.ring)
    case_id = await made.arrived()
    command = made.by(await made.crew(case_id), "case.photo")
    await add_case_photo(made.office, store, case_id, new_id(), "scene", a_photo(), command)
    await made.handle(case_id)
    await made.verify(case_id)
    for days, kept in ((364, 1), (2, 0)):
        made.clock.advance(days=days)
        done = await retention.run(
            made.office, store, now=made.now, machine_now=made.now + timedelta(days=1), again=True
        )
        assert done is not None
        assert (len(await made.rows(tables.photos)), done.counts.get("photos", 0)) == (kept, 1 - kept)
    assert list(store.files()) == []
    async with made.office.db.connect() as tx:
        assert await proof.contradictions(tx, made.office) == []
