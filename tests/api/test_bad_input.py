"""Whatever is sent in: an answer in words, never a fault of ours, and nobody in need turned away for a detail."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from backend.geo.place import Crs, LonLat, distance_m, from_wgs84
from backend.ids import new_id
from backend.intake.receipts import ALPHABET
from tests.api.builders import IN_ZHONGSHAN, Api, a_photo, a_report, problem_of
from tests.conftest import START

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unlimited")]

LON, LAT = IN_ZHONGSHAN
HERE = f'{{"lon": {LON}, "lat": {LAT}}}'


def _with(**changes: Any) -> dict[str, Any]:
    return {**a_report(), **changes}


async def _raw(api: Api, body: Any, path: str = "/api/reports", **headers: str) -> httpx.Response:
    return await api.http.post(path, content=body, headers={"content-type": "application/json", **headers})


@pytest.mark.parametrize(
    "body",
    [
        b'{"place":',
        b'{"place": {"lon": 1e999, "lat": 38.9}}',
        b'{"place": {"lon": NaN, "lat": 38.9}}',
        b'{"description": "\xff\xfe"}',
        b'{"description": "\\ud800"}',
        b"<xml/>",
        b"[" * 50_000 + b"]" * 50_000,
        b'{"description":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
    ids=["cut off", "infinite", "not a number", "not UTF-8", "lone surrogate", "xml", "deep", "deep inside"],
)
async def test_what_is_no_json_is_refused_in_words(shared: Api, body: bytes) -> None:
    for path in ("/api/reports", "/api/reports/similar", "/api/sessions"):
        said = problem_of(await _raw(shared, body, path))
        assert (said["status"], said["code"]) == (400, "bad_request")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"3", b'"text"'])
async def test_a_body_of_another_kind_is_refused(shared: Api, body: bytes) -> None:
    said = problem_of(await _raw(shared, body))
    assert (said["status"], said["code"]) == (422, "invalid")


async def test_an_oversized_body_is_refused_whether_it_says_its_size_or_not(shared: Api) -> None:
    async def pieces() -> Any:
        for _ in range(30):
            yield b"x" * 50_000

    for body in (b"x" * 1_100_000, pieces()):
        assert problem_of(await _raw(shared, body))["status"] == 413


WRONG = [
    ({"place": None}, "place", "应为对象"),
    ({"place": {"lon": LON}}, "place.lat", "没有填写"),
    ({"place": {"lon": "east", "lat": LAT}}, "place.lon", "应为数字"),
    ({"place": {"lon": LON, "lat": LAT, "crs": "mars"}}, "place.crs", "没有“mars”这个选项"),
    ({"place": {"lon": LON, "lat": LAT, "accuracy_m": -1}}, "place.accuracy_m", "应不小于 0"),
    ({"place": {"lon": LON, "lat": LAT, "alt": 3}}, "place.alt", "不是这里的字段"),
    ({"people_count": "three"}, "people_count", "应为整数"),
    ({"people_count": 1.5}, "people_count", "应为整数"),
    ({"people_count": 0}, "people_count", "应不小于 1"),
    ({"people_count": 1000}, "people_count", "应不大于 999"),
    ({"people_count": 10**40}, "people_count", "应不大于 999"),
    ({"channel": "fax"}, "channel", "没有“fax”这个选项"),
    ({"id": "1234"}, "id", "不是有效的编号"),
    ({"occurred_at": "yesterday"}, "occurred_at", "时间格式不对"),
    ({"description": "长" * 2001}, "description", "最多 2000 个字"),
    ({"description": ["a"]}, "description", "应为文字"),
    ({"dangers": ["fire"]}, "dangers[0]", "没有“fire”这个选项"),
    ({"dangers": ["injury"] * 21}, "dangers", "最多 20 项"),
    ({"looks": {"sex": "x"}}, "looks.sex", "没有“x”这个选项"),
    ({"looks": {"hat": "red"}}, "looks.hat", "不是这里的字段"),
    ({"looks": {"colours": ["红" * 41]}}, "looks.colours[0]", "最多 40 个字"),
    ({"contact": {"phone": 13800000000}}, "contact.phone", "应为文字"),
    ({"reporter": "me"}, "reporter", "不是这里的字段"),
]


@pytest.mark.parametrize(
    ("changes", "field", "zh"), WRONG, ids=[f"{field}-{n}" for n, (_, field, _) in enumerate(WRONG)]
)
async def test_a_malformed_field_is_named_in_words_that_people_understand(
    shared: Api, changes: dict[str, Any], field: str, zh: str
) -> None:
    for path, body in (("/api/reports", _with(**changes)), ("/api/reports/similar", {"report": _with(**changes)})):
        said = problem_of(await shared.public.post(path, body))
        assert said["status"] == 422
        (fault,) = said["faults"]
        assert fault["field"] == said["field"] == (field if path == "/api/reports" else f"report.{field}")
        assert zh in fault["zh"]
        assert zh in said["detail_zh"]
        assert "`" not in said["detail_zh"] + said["detail_en"]


async def test_a_missing_place_is_named(shared: Api) -> None:
    report = a_report()
    del report["place"]
    said = problem_of(await shared.public.post("/api/reports", report))
    assert "“位置”（place）没有填写" in said["detail_zh"]
    assert "place is missing" in said["detail_en"]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"lon": 0, "lat": 0}, "place_missing"),
        ({"lon": LAT, "lat": LON}, "place_swapped"),
        ({"lon": 500, "lat": 3}, "place_out_of_range"),
        ({"lon": 12, "lat": -95}, "place_swapped"),
    ],
)
async def test_a_place_that_cannot_be_is_refused_with_a_hint(shared: Api, place: dict[str, float], code: str) -> None:
    said = problem_of(await shared.public.post("/api/reports", _with(place=place)))
    assert (said["status"], said["code"]) == (422, code)
    if code != "place_missing":
        assert said["hint"]


@pytest.mark.parametrize("crs", list(Crs))
async def test_places_of_all_systems_end_up_where_they_are(shared: Api, crs: Crs) -> None:
    real = LonLat(121.6171 + 0.001 * list(Crs).index(crs), 38.9083)
    lon, lat = from_wgs84(real, crs)
    receipt = await shared.public.did("/api/reports", _with(place={"lon": lon, "lat": lat, "crs": crs.value}))
    assert receipt["warnings"] == []
    dispatcher = await shared.person("dispatcher")
    case = (await dispatcher.saw(f"/api/cases/{receipt['case_id']}"))["case"]
    assert distance_m(LonLat(case["lon"], case["lat"]), real) < 0.1


async def test_outside_the_city_is_taken_and_flagged_and_another_system_is_asked_about(shared: Api) -> None:
    receipt = await shared.public.did("/api/reports", _with(place={"lon": 116.39, "lat": 39.9}))
    assert [warning["code"] for warning in receipt["warnings"]] == ["outside_area"]
    dispatcher = await shared.person("dispatcher")
    file = await dispatcher.saw(f"/api/cases/{receipt['case_id']}")
    assert file["case"]["in_area"] is False
    assert file["case"]["regions"] == ["210200"]
    assert all(warning["zh"] and warning["en"] for warning in receipt["warnings"])


async def test_times_that_cannot_be_are_refused_and_clocks_a_little_ahead_are_forgiven(shared: Api) -> None:
    for at in (START + timedelta(hours=1), START - timedelta(days=8)):
        said = problem_of(await shared.public.post("/api/reports", _with(occurred_at=at.isoformat())))
        assert (said["status"], said["field"]) == (422, "occurred_at")
    said = problem_of(await shared.public.post("/api/reports", _with(occurred_at="2016-09-19T05:00:00")))
    assert (said["status"], said["field"]) == (422, "occurred_at")
    ahead = _with(occurred_at=(START + timedelta(minutes=5)).isoformat())
    receipt = await shared.public.did("/api/reports", ahead)
    assert [warning["code"] for warning in receipt["warnings"]] == ["clock_ahead"]


async def test_reports_may_come_in_any_order(shared: Api) -> None:
    """What was seen first and is sent last is no new case at another time, and does not turn the clock back."""
    place = (121.5990, 38.9010)
    later = _with(place={"lon": place[0], "lat": place[1]}, occurred_at=START.isoformat())
    first = {**later, "id": str(new_id()), "occurred_at": (START - timedelta(hours=2)).isoformat()}
    case_id = (await shared.public.did("/api/reports", later))["case_id"]
    await shared.public.did("/api/reports", first)
    dispatcher = await shared.person("dispatcher")
    case = (await dispatcher.saw(f"/api/cases/{case_id}"))["case"]
    assert case["last_seen_at"] == "2016-09-18T22:00:00Z"


async def test_the_same_report_again_is_the_same_receipt_and_another_under_its_id_is_a_conflict(shared: Api) -> None:
    report = _with(place={"lon": 121.5850, "lat": 38.9100}, looks={"colours": ["red"]})
    first = await shared.public.did("/api/reports", report)
    again = await shared.public.did("/api/reports", report)
    assert again == {**first, "repeated": True}
    for change in (
        {"place": {"lon": 121.5851, "lat": 38.91}},
        {"description": "完全是另一件事"},
        {"people_count": 4},
        {"looks": {"colours": ["blue"]}},
        {"channel": "app"},
    ):
        said = problem_of(await shared.public.post("/api/reports", {**report, **change}))
        assert (said["status"], said["code"]) == (409, "id_reused"), change


async def test_many_at_once_under_one_id_are_one_sighting(shared: Api) -> None:
    report = _with(place={"lon": 121.5750, "lat": 38.9050})
    receipts = await asyncio.gather(*(shared.public.did("/api/reports", report) for _ in range(8)))
    assert len({receipt["receipt"] for receipt in receipts}) == 1
    dispatcher = await shared.person("dispatcher")
    file = await dispatcher.saw(f"/api/cases/{receipts[0]['case_id']}")
    assert len(file["sightings"]) == 1


async def test_characters_that_cannot_be_kept_never_cost_the_report(shared: Api) -> None:
    body = f'{{"place": {HERE}, "description": "老\\u0000人\\u0007", "address": "\\u0000", '
    body += '"contact": {"phone": "138\\u00000000", "name": "\\u0000"}, "recording_ref": "\\u0000r"}'
    answer = await _raw(shared, body.encode())
    assert answer.status_code == 201, answer.text
    operator = await shared.person("operator")
    file = await operator.saw(f"/api/cases/{answer.json()['case_id']}")
    assert "老人" in [sighting["description"] for sighting in file["sightings"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/sessions", '{"login": "a\\u0000b", "password": "x"}'),
    ],
)
async def test_a_character_that_cannot_be_kept_elsewhere_is_refused_in_words(shared: Api, path: str, body: str) -> None:
    said = problem_of(await _raw(shared, body.encode(), path))
    assert (said["status"], said["code"]) == (422, "cannot_be_kept")


async def test_wrong_characters_in_a_receipt_are_found_before_the_database_is_asked(shared: Api) -> None:
    receipt = (await shared.public.did("/api/reports", a_report()))["receipt"]
    assert (await shared.public.get(f"/api/reports/{receipt.lower().replace('-', ' ')}")).status_code == 200
    other = ALPHABET[(ALPHABET.index(receipt[0]) + 1) % len(ALPHABET)]
    for typed, code in (
        (other + receipt[1:], "receipt_mistyped"),
        (receipt[:-1], "receipt_length"),
        (receipt[:-1] + "0", "receipt_characters"),
        (receipt[:-1] + "%00", "receipt_characters"),
        ("%F0%9F%99%82", "receipt_characters"),
    ):
        said = problem_of(await shared.public.get(f"/api/reports/{typed}"))
        assert (said["status"], said["code"]) == (422, code), typed
    strange = problem_of(await shared.public.get("/api/reports/2222-2222-2222"))
    assert (strange["status"], strange["code"]) == (404, "no_receipt")


async def test_bad_cursors_ids_and_numbers_are_refused_in_words(shared: Api) -> None:
    dispatcher, admin = await shared.person("dispatcher"), await shared.person("admin")
    for cursor in ("!!!", "é", "x" * 5000, "bnVsbA", "WyIyMDE2IiwgMV0", "\u0000"):
        assert problem_of(await dispatcher.get("/api/cases", cursor=cursor))["status"] == 422, cursor
    for params in ({"limit": "many"}, {"limit": 10**40}, {"region": "\u0000"}, {"stage": "\u0000"}):
        answer = await dispatcher.get("/api/cases", **params)
        assert answer.status_code == 200 or problem_of(answer)["status"] == 422, params
    for after in ("x", "1.5", str(10**30), str(-(10**30))):
        assert problem_of(await dispatcher.get("/api/events", after=after))["status"] == 422, after
    assert (await dispatcher.get("/api/events", after=-5)).status_code == 200
    assert (await dispatcher.get("/api/cases", limit=-1)).status_code == 200
    assert problem_of(await admin.get("/api/accounts", cursor="\u0000"))["status"] == 422
    for path in ("/api/cases/xyz", "/api/cases/123e4567-e89b-12d3-a456", f"/api/cases/{new_id()}x"):
        assert problem_of(await dispatcher.get(path))["status"] == 404
    assert problem_of(await dispatcher.get(f"/api/cases/{new_id()}"))["status"] == 404


async def test_unknown_addresses_and_methods_answer_as_everything_else_does(shared: Api) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/api/reports/a/b/c", 404),
        ("GET", "/schema/nowhere", 404),
        ("PUT", "/api/reports", 405),
        ("DELETE", "/health", 405),
        ("PATCH", f"/api/cases/{new_id()}", 405),
    ):
        answer = await shared.public.send(method, path)
        assert problem_of(answer)["status"] == status, path
        assert ("allow" in answer.headers) == (status == 405), path
    allowed = (await shared.public.send("PUT", "/api/weather")).headers["allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))


async def test_the_title_is_in_the_language_that_was_asked_for(shared: Api) -> None:
    for language, title in (("en-GB,en;q=0.9", "There is no such address."), ("zh-CN", "没有这个地址。")):
        answer = await shared.http.get("/nowhere", headers={"accept-language": language})
        assert answer.json()["title"] == title


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "abc", "Bearer a b", "Bearer rk_x", "Bearer x"])
async def test_a_bad_credential_is_never_taken_for_the_public(shared: Api, header: str) -> None:
    for path in ("/api/cases", "/api/sessions/me", "/api/facilities"):
        said = problem_of(await shared.http.get(path, headers={"authorization": header}))
        assert said["status"] == 401


@pytest.mark.parametrize(
    ("role", "channels"),
    [("public", {"web", "app"}), ("operator", {"hotline"}), ("grid_worker", {"grid", "app"}), ("checker", set[str]())],
)
async def test_each_reports_through_their_own_channels_only(shared: Api, role: str, channels: set[str]) -> None:
    person = shared.public if role == "public" else await shared.person(role)
    for channel in ("web", "app", "hotline", "grid", "taxi", "patrol", "partner"):
        answer = await person.post("/api/reports", _with(channel=channel))
        if channel in channels:
            assert answer.status_code == 201
        else:
            said = problem_of(answer)
            assert (said["status"], said["code"], said["field"]) == (422, "wrong_channel", "channel")


async def test_no_photo_and_too_big_and_too_many_are_refused(shared: Api) -> None:
    receipt = (await shared.public.did("/api/reports", a_report()))["receipt"]
    path = f"/api/reports/{receipt}/photos"

    async def sent(**how: Any) -> httpx.Response:
        return await shared.http.post(path, **how)

    def file(content: bytes, name: str = "photo") -> dict[str, Any]:
        return {"files": {name: ("a.jpg", content, "image/jpeg")}}

    for how, status, code in (
        (file(b"hello"), 422, "photo_unknown"),
        (file(b""), 422, "photo_empty"),
        (file(a_photo()[:200]), 422, "photo_broken"),
        (file(b"\xff" * 13_000_000), 422, "photo_too_big"),
        (file(a_photo(), name="picture"), 422, "invalid"),
        ({"files": [("photo", ("a.jpg", a_photo(), "image/jpeg"))] * 2}, 422, "invalid"),
        ({"json": {"photo": "x"}}, 400, "bad_request"),
        ({"content": b"garbage", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "bad_request"),
        (
            {"content": b"x" * 33_000_000, "headers": {"content-type": "multipart/form-data; boundary=x"}},
            413,
            "too_large",
        ),
    ):
        said = problem_of(await sent(**how))
        assert (said["status"], said["code"]) == (status, code)
    for n in range(6):
        assert (await sent(**file(a_photo((64 + n, 48))))).status_code == 201
    assert problem_of(await sent(**file(a_photo((99, 48)))))["code"] == "too_many_photos"
    assert (await sent(**file(a_photo((64, 48))))).status_code == 201, "the same picture again is the one that is there"
    strange = await shared.http.post("/api/reports/2222-2222-2222/photos", **file(a_photo()))
    assert problem_of(strange)["code"] == "no_receipt"


async def test_photos_sent_at_the_same_moment_are_counted_one_after_the_other(shared: Api) -> None:
    receipt = (await shared.public.did("/api/reports", a_report()))["receipt"]
    sent = [
        shared.http.post(
            f"/api/reports/{receipt}/photos", files={"photo": ("a.jpg", a_photo((80 + n, 60)), "image/jpeg")}
        )
        for n in range(9)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*sent))
    assert statuses == [201] * 6 + [422] * 3


async def test_a_kept_photo_tells_neither_where_nor_with_what_it_was_taken(shared: Api) -> None:
    receipt = await shared.public.did("/api/reports", a_report())
    raw = a_photo((640, 480), gps=True)
    assert b"PHONE-OF-SOMEBODY" in raw
    files = {"photo": ("a.jpg", raw, "image/jpeg")}
    kept = (await shared.http.post(f"/api/reports/{receipt['receipt']}/photos", files=files)).json()
    dispatcher = await shared.person("dispatcher")
    picture = await dispatcher.get(f"/api/cases/{receipt['case_id']}/photos/{kept['id']}")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["cache-control"] == "private, no-store"
    assert b"PHONE-OF-SOMEBODY" not in picture.content
    assert b"Exif" not in picture.content


async def test_one_bad_position_does_not_cost_the_others(shared: Api) -> None:
    (team,) = await shared.teams(IN_ZHONGSHAN)
    officer = await shared.person("officer", team_id=team)
    at = START.isoformat()
    fixes = [
        {"at": at, "lon": LON, "lat": LAT, "speed_m_s": 3},
        {"at": at, "lon": 0, "lat": 0},
        {"at": (START + timedelta(hours=1)).isoformat(), "lon": LON, "lat": LAT},
        {"at": (START - timedelta(days=9)).isoformat(), "lon": LON, "lat": LAT},
    ]
    told = await officer.did("/api/officer/positions", {"fixes": fixes})
    assert told["kept"] == 1
    assert len(told["refused"]) == 3
    naive = [{"at": "2016-09-19T06:00:00", "lon": LON, "lat": LAT}, fixes[0]]
    told = await officer.did("/api/officer/positions", {"fixes": naive})
    assert (told["kept"], len(told["refused"])) == (1, 1)
    for wrong in ([], [fixes[0]] * 501, [{**fixes[0], "lon": "x"}]):
        assert problem_of(await officer.post("/api/officer/positions", {"fixes": wrong}))["status"] == 422
    huge = [{**fixes[0], "speed_m_s": 1e308, "accuracy_m": 1e300, "heading_deg": -1e10}]
    assert (await officer.post("/api/officer/positions", {"fixes": huge})).status_code in (200, 422)


async def test_json_with_a_key_twice_or_strange_spaces_is_read_as_json_is(shared: Api) -> None:
    body = json.dumps(a_report()).replace(", ", " ,\n\t ")
    assert (await _raw(shared, body.encode("utf-8"))).status_code == 201
