"""Facilities over HTTP, on the roads of Dalian: the nearest that will take these people now, and what is written of one."""

from typing import Any

from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, ZHONGSHAN, Api, a_report, problem_of


def _facility(code: str, place: tuple[float, float], **changes: Any) -> dict[str, Any]:
    whole = {
        "code": code,
        "kind": "station",
        "name": f"{code}站",
        "lon": place[0],
        "lat": place[1],
        "takes": ["adults"],
    }
    return {**whole, **changes}


async def test_the_nearest_that_will_take_them_comes_first_and_the_others_say_why_not(api: Api) -> None:
    admin, desk = await api.person("admin"), await api.person("dispatcher")
    near, far = (IN_ZHONGSHAN[0] + 0.004, IN_ZHONGSHAN[1]), IN_XIGANG
    for wish in (
        _facility("women", near, takes=["women"]),
        _facility("shut", near, opening="3 03:00-03:01"),
        _facility("full", near, capacity=0),
        _facility("far", far, capacity=3, places=[{"kind": "men", "capacity": 2}]),
        _facility("farther", (IN_XIGANG[0] - 0.03, IN_XIGANG[1])),
    ):
        await admin.did("/api/facilities", wish)
    case_id = (await api.public.did("/api/reports", a_report(looks={"sex": "male", "age_band": "adult"})))["case_id"]
    told = await desk.saw("/api/facilities/fitting", case_id=case_id)
    assert (told["basis"], told["mode"], len(told["people"])) == ("road", "car", 1)
    order = [(one["facility"]["code"], one["fits"]) for one in told["facilities"]]
    assert order[:2] == [("far", True), ("farther", True)]
    assert {code for code, fits in order if not fits} == {"women", "shut", "full"}
    why = {one["facility"]["code"]: [r["code"] for r in one["reasons"]] for one in told["facilities"]}
    assert why == {"women": ["takes_no_men"], "shut": ["closed_on_arrival"], "full": ["full"], "far": [], "farther": []}
    best = told["facilities"][0]
    assert (best["place_kind"], best["free"]) == ("men", 2)
    assert 0 < best["seconds"] < told["facilities"][1]["seconds"]


async def test_the_crew_says_whom_it_met_and_a_place_alone_will_do(api: Api) -> None:
    admin, desk = await api.person("admin"), await api.person("dispatcher")
    await admin.did("/api/facilities", _facility("H", IN_XIGANG, kind="hospital", takes=["acutely_ill"]))
    lon, lat = IN_ZHONGSHAN
    ill = '[{"sex": "male", "age_band": "old", "needs": ["acutely_ill"]}]'
    (one,) = (await desk.saw("/api/facilities/fitting", lon=lon, lat=lat, people=ill))["facilities"]
    assert one["fits"]
    (one,) = (await desk.saw("/api/facilities/fitting", lon=lon, lat=lat))["facilities"]
    assert not one["fits"]
    assert problem_of(await desk.get("/api/facilities/fitting"))["field"] == "case_id"
    wrong = await desk.get("/api/facilities/fitting", lon=lon, lat=lat, people='[{"sex": "robot"}]')
    assert problem_of(wrong)["field"] == "people"


async def test_a_hidden_shelter_is_offered_to_those_who_may_know_of_it_and_comes_first_for_victims(api: Api) -> None:
    admin = await api.person("admin")
    await admin.did("/api/facilities", _facility("near", (IN_ZHONGSHAN[0] + 0.001, IN_ZHONGSHAN[1])))
    hidden = _facility("hid", (IN_ZHONGSHAN[0] + 0.006, IN_ZHONGSHAN[1]), kind="shelter", hidden=True, takes=["women"])
    await admin.did("/api/facilities", hidden)
    victim = '[{"sex": "female", "age_band": "adult", "needs": ["violence"]}]'
    asked: dict[str, Any] = {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1], "people": victim}
    here = await api.person("dispatcher", regions=(ZHONGSHAN,))
    assert [o["facility"]["code"] for o in (await here.saw("/api/facilities/fitting", **asked))["facilities"]] == [
        "hid",
        "near",
    ]
    elsewhere = await api.person("dispatcher", regions=("210203",))
    told = await elsewhere.saw("/api/facilities/fitting", **asked)
    assert [o["facility"]["code"] for o in told["facilities"]] == ["near"]


async def test_what_an_administrator_writes_of_a_facility_is_checked(api: Api) -> None:
    admin = await api.person("admin")
    for wrong, field in (
        ({"opening": "daily"}, "opening"),
        ({"places": [{"kind": "men", "capacity": 1}, {"kind": "men", "capacity": 2}]}, "places"),
        ({"capacity": 3, "places": [{"kind": "men", "capacity": 4}]}, "places"),
        ({"is_regional_centre": True, "level": "county"}, "is_regional_centre"),
    ):
        answer = await admin.post("/api/facilities", _facility("X", IN_XIGANG, **wrong))
        assert problem_of(answer)["field"] == field, wrong
    made = await admin.did("/api/facilities", _facility("Y", IN_XIGANG, places=[{"kind": "men", "capacity": 4}]))
    changed = await admin.did(f"/api/facilities/{made['id']}", {"places": [{"kind": "women", "capacity": 2}]})
    assert changed["places"] == [{"kind": "women", "capacity": 2}]
    assert (await admin.saw("/api/facilities"))[0]["places"] == [{"kind": "women", "capacity": 2}]


async def test_an_account_is_of_a_facility_and_says_so(api: Api) -> None:
    admin = await api.person("admin")
    made = await admin.did("/api/facilities", _facility("S", IN_XIGANG))
    staff = {"login": "zhan", "name": "站", "password": "correct horse 电池", "roles": ["station_staff"]}
    answer = await admin.post("/api/accounts", {**staff, "facility_id": "01574091-2f00-7000-8000-000000000001"})
    assert problem_of(answer)["field"] == "facility_id"
    account = await admin.did("/api/accounts", {**staff, "facility_id": made["id"]})
    assert account["facility_id"] == made["id"]
    signed_in = await api.sign_in("zhan")
    assert (await signed_in.saw("/api/sessions/me"))["facility_id"] == made["id"]
