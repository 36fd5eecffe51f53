"""The map and what lies on it: tiles of our own, places by name, ways, past sightings, tracks, where a team had better stand."""

import asyncio
import math
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import h3
import pytest
from sqlalchemy import delete, insert, update

from backend import db
from backend.geo.nearest import nearest
from backend.geo.place import Crs, LonLat, from_wgs84
from backend.ids import new_id
from ops.load_city import load_city
from tests.api.builders import CITY, IN_XIGANG, IN_ZHONGSHAN, XIGANG, ZHONGSHAN, Api, Person, a_report, problem_of
from tests.api.conftest import DALIAN
from tests.api.vector_tile import layers_of


def tile_at(place: tuple[float, float], z: int) -> tuple[int, int, int]:
    """The tile that a place lies in."""
    lon, lat = place
    x = int((lon + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
    return z, x, y


async def tile(api: Api, place: tuple[float, float], z: int, **headers: str) -> Any:
    """The answer for the tile of a place."""
    about = await api.public.saw("/api/map")
    _, x, y = tile_at(place, z)
    return await api.http.get(about["tiles"].format(z=z, x=x, y=y), headers=headers)


@pytest.fixture
async def loaded(api: Api) -> Api:
    """With the city's folder in its database."""
    await load_city(api.office, DALIAN, api.clock.now())
    return api


# --- tiles ------------------------------------------------------------------------------------------------------------


async def test_a_tile_has_the_streets_and_regions_with_their_names_and_nothing_else(loaded: Api) -> None:
    answer = await tile(loaded, (121.6195, 38.9122), 15)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    layers = layers_of(answer.content)
    assert set(layers) <= {"streets", "regions", "region_names"}
    assert {"中山路", "一二九街"} <= {street.get("name") for street in layers["streets"]}
    assert {frozenset(street) for street in layers["streets"]} == {frozenset({"name", "class", "rank", "geometry"})}
    assert {street["geometry"] for street in layers["streets"]} == {"line"}
    assert "西岗区" in {region["name"] for region in layers["regions"]}
    assert "救助" not in answer.content.decode("utf-8", "ignore")


async def test_from_afar_only_what_is_worth_drawing(loaded: Api) -> None:
    far = layers_of((await tile(loaded, IN_ZHONGSHAN, 9)).content)
    near = layers_of((await tile(loaded, IN_ZHONGSHAN, 12)).content)
    assert {street["class"] for street in far["streets"]} == {"trunk"}
    assert {"trunk", "primary", "secondary", "tertiary"} == {street["class"] for street in near["streets"]}
    assert "中山区" in {region["name"] for region in far["region_names"]}


async def test_every_region_is_named_once_at_a_zoom(loaded: Api) -> None:
    z, names = 9, []
    west, south, east, north = (await loaded.public.saw("/api/map"))["bounds"]
    _, left, bottom = tile_at((west, south), z)
    _, right, top = tile_at((east, north), z)
    for x in range(left, right + 1):
        for y in range(top, bottom + 1):
            answer = await loaded.http.get(f"/api/map/tiles/{z}/{x}/{y}")
            names += [region["name"] for region in layers_of(answer.content).get("region_names", [])]
    assert sorted(names) == sorted(region.name for region in loaded.office.city.regions)


async def test_beyond_the_city_a_tile_is_empty(loaded: Api) -> None:
    answer = await tile(loaded, (2.35, 48.85), 12)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("address", ["4/1/1", "19/1/1", "12/4096/1", "12/1/4096", "12/-1/1", "99999999999/1/1"])
async def test_what_is_no_tile_is_refused_in_words(api: Api, address: str) -> None:
    assert problem_of(await api.http.get(f"/api/map/tiles/{address}"))["code"] in ("no_such_tile", "invalid")


async def test_a_browser_may_keep_a_tile_until_the_city_is_loaded_anew(loaded: Api) -> None:
    first = await tile(loaded, IN_ZHONGSHAN, 14)
    assert "immutable" in first.headers["cache-control"]
    assert (await tile(loaded, IN_ZHONGSHAN, 14, **{"If-None-Match": first.headers["etag"]})).status_code == 304
    _, x, y = tile_at(IN_ZHONGSHAN, 14)
    assert "immutable" not in (await loaded.http.get(f"/api/map/tiles/14/{x}/{y}")).headers["cache-control"]
    async with loaded.office.begin() as tx:
        await tx.execute(delete(db.streets))
    loaded.parts.tiles._looked_s = float("-inf")
    after = await tile(loaded, IN_ZHONGSHAN, 14, **{"If-None-Match": first.headers["etag"]})
    assert after.status_code == 200
    assert "streets" not in layers_of(after.content)


async def test_a_screen_full_of_tiles_comes_at_once_and_costs_no_other_request(loaded: Api) -> None:
    _, x, y = tile_at(IN_ZHONGSHAN, 15)
    addresses = [f"/api/map/tiles/15/{x + i % 20 - 10}/{y + i // 20 - 10}" for i in range(400)]
    answers = await asyncio.gather(*(loaded.http.get(address) for address in addresses))
    assert {answer.status_code for answer in answers} == {200}
    assert (await loaded.public.get("/api/regions")).status_code == 200


async def test_a_second_load_does_not_draw_the_streets_again(loaded: Api) -> None:
    async with loaded.office.begin() as tx:
        await tx.execute(update(db.streets).values(name="drawn before"))
    again = await load_city(loaded.office, DALIAN, loaded.clock.now())
    assert again.streets > 4_000
    layers = layers_of((await tile(loaded, IN_ZHONGSHAN, 14)).content)
    assert {street["name"] for street in layers["streets"]} == {"drawn before"}


async def test_the_map_says_where_the_city_is_and_that_it_speaks_wgs84(api: Api) -> None:
    about = await api.public.saw("/api/map")
    assert (about["city"], about["name_zh"], about["name_en"], about["crs"]) == (CITY, "大连", "Dalian", "wgs84")
    assert about["time_zone"] == "Asia/Shanghai"
    west, south, east, north = about["bounds"]
    assert west < about["centre"][0] < east
    assert south < about["centre"][1] < north


# --- places -----------------------------------------------------------------------------------------------------------


async def test_a_caller_s_words_become_a_place(api: Api) -> None:
    operator = await api.person("operator")
    found = await operator.saw("/api/places/search", q="中山路 一二九街", limit=3)
    assert (found[0]["name"], found[0]["kind"], found[0]["detail"]) == ("一二九街与中山路交叉口", "crossing", "西岗区")
    by_initials = await operator.saw("/api/places/search", q="zsgc", lon=121.64, lat=38.92)
    assert (by_initials[0]["name"], by_initials[0]["matched"]) == ("中山广场", "initials")


async def test_a_shelter_is_found_only_by_who_may_know_of_it(loaded: Api) -> None:
    row = {"kind": "shelter", "lon": IN_XIGANG[0], "lat": IN_XIGANG[1], "takes": [], "hidden": True}
    async with loaded.office.begin() as tx:
        await tx.execute(insert(db.facilities).values(city_id=CITY, id=new_id(), code="H", name="庇护之家甲", **row))
    there, elsewhere = [await loaded.person("dispatcher", regions=(region,)) for region in (XIGANG, ZHONGSHAN)]
    assert [place["name"] for place in await there.saw("/api/places/search", q="庇护之家甲")] == ["庇护之家甲"]
    for who in (elsewhere, loaded.public, await loaded.person("driver", regions=(XIGANG,))):
        for asked in ("庇护之家甲", "bhzjj", "bihuzhijiajia"):
            assert await who.saw("/api/places/search", q=asked) == []


@pytest.mark.parametrize(
    ("asked", "code"), [({"lon": 200.0, "lat": 38.9}, "invalid"), ({"lon": 0, "lat": 0}, "place_missing")]
)
async def test_nonsense_for_a_place_is_refused(api: Api, asked: dict[str, float], code: str) -> None:
    assert problem_of(await api.public.get("/api/places/at", **asked))["code"] == code
    assert problem_of(await api.public.get("/api/places/search", q="路", **asked))["code"] == code


async def test_a_pin_is_told_in_words(api: Api) -> None:
    place = await api.public.saw("/api/places/at", lon=121.6195, lat=38.9122)
    assert place["zh"] == "西岗区 一二九街与中山路交叉口附近（约 10 米）"
    assert (place["in_area"], [region["code"] for region in place["regions"]]) == (True, [XIGANG, CITY])
    there = from_wgs84(LonLat(121.6195, 38.9122), Crs.GCJ02)
    by_amap = await api.public.saw("/api/places/at", lon=there[0], lat=there[1], crs="gcj02")
    assert by_amap["zh"] == place["zh"]
    assert (by_amap["lon"], by_amap["lat"]) == pytest.approx((place["lon"], place["lat"]), abs=1e-7)
    sea = await api.public.saw("/api/places/at", lon=123.5, lat=37.0)
    assert (sea["in_area"], sea["regions"]) == (False, [])


# --- ways and moves ---------------------------------------------------------------------------------------------------


async def _case(api: Api, place: tuple[float, float] = IN_XIGANG) -> str:
    return str((await api.public.did("/api/reports", a_report(place)))["case_id"])


async def test_the_way_of_a_team_takes_as_long_as_the_dispatch_counts(api: Api) -> None:
    team_id = (await api.teams(IN_ZHONGSHAN))[0]
    case_id = await _case(api)
    boss = await api.person("dispatcher")
    way = await boss.saw(f"/api/cases/{case_id}/routes/{team_id}")
    async with api.office.db.connect() as tx:
        await api.parts.watch.roster.refresh(tx, api.clock.now())
    roster = api.parts.watch.roster
    best = nearest(api.office.city.roads, roster.fleet, LonLat(*IN_XIGANG), k=1, factors=roster.factors)[0]
    assert best.team_id == str(team_id)
    assert way["seconds"] == pytest.approx(best.seconds, abs=2)
    assert (way["starts_from"], way["basis"], way["reachable"], way["mobilisation_s"]) == ("base", "road", True, 30)
    assert way["line"]["type"] == "LineString"
    assert way["line"]["coordinates"][0] == pytest.approx(list(IN_ZHONGSHAN))
    assert way["line"]["coordinates"][-1] == pytest.approx(list(IN_XIGANG))


async def _fixes(api: Api, team: UUID, ago_s: list[float], place: tuple[float, float] = IN_ZHONGSHAN) -> None:
    at = [api.clock.now() - timedelta(seconds=s) for s in ago_s]
    rows = [{"at": moment, "lon": place[0] + n * 1e-5, "lat": place[1]} for n, moment in enumerate(at)]
    async with api.office.begin() as tx:
        await tx.execute(insert(db.fixes), [{"city_id": CITY, "team_id": team, **row} for row in rows])
        newest = db.presence.c.team_id == team
        await tx.execute(update(db.presence).where(newest).values(lon=place[0], lat=place[1], fix_at=api.clock.now()))


async def test_the_way_begins_where_the_team_is_and_off_duty_at_its_base(api: Api) -> None:
    team_id = (await api.teams(IN_ZHONGSHAN))[0]
    case_id, boss = await _case(api), await api.person("dispatcher")
    await _fixes(api, team_id, [10], IN_XIGANG)
    assert (await boss.saw(f"/api/cases/{case_id}/routes/{team_id}"))["starts_from"] == "position"
    await boss.did(f"/api/teams/{team_id}/duty", {"state": "off_duty"})
    way = await boss.saw(f"/api/cases/{case_id}/routes/{team_id}")
    assert (way["starts_from"], way["start_lon"], way["fix_at"]) == ("base", IN_ZHONGSHAN[0], None)


async def test_of_a_team_that_one_may_not_see_there_is_no_way(api: Api) -> None:
    elsewhere = (await api.teams(IN_XIGANG))[0]
    case_id = await _case(api, IN_ZHONGSHAN)
    boss = await api.person("dispatcher", regions=(ZHONGSHAN,))
    assert problem_of(await boss.get(f"/api/cases/{case_id}/routes/{elsewhere}"))["status"] == 404
    assert problem_of(await boss.get(f"/api/cases/{case_id}/routes/{new_id()}"))["status"] == 404


async def _scattered(api: Api, boss: Person) -> list[dict[str, Any]]:
    moves: list[dict[str, Any]] = await boss.saw("/api/circle/moves")
    return moves


async def test_a_free_team_in_a_corner_is_told_where_it_would_help(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.dispatch.moving_up.GOOD_FOR_S", 0.0)
    boss = await api.person("dispatcher")
    assert await _scattered(api, boss) == []
    corner = (121.4790, 38.9268)
    await api.teams(corner)
    circle = await boss.saw("/api/circle")
    moves = await _scattered(api, boss)
    assert circle["gaps"], "one team in a corner does not cover the city"
    best = moves[0]
    assert best["gained_cells"] > best["lost_cells"]
    assert best["minutes_after"] <= 30 < (best["minutes_before"] or 60)
    assert best["place"] in best["zh"]
    assert f"{best['gained_cells']} 个网格" in best["zh"]
    assert h3.is_valid_cell(best["cell"])
    stranger = await api.person("dispatcher", regions=(ZHONGSHAN,))
    assert await _scattered(api, stranger) == []


# --- what was before --------------------------------------------------------------------------------------------------


async def test_past_sightings_are_counts_of_what_one_may_read(api: Api) -> None:
    for place in (IN_ZHONGSHAN, IN_ZHONGSHAN, IN_XIGANG):
        await api.public.did("/api/reports", a_report(place))
    cells = {place: h3.latlng_to_cell(place[1], place[0], 9) for place in (IN_ZHONGSHAN, IN_XIGANG)}
    whole = await (await api.person("supervisor")).saw("/api/map/sightings")
    assert whole["cells"] == [
        {"cell": cells[IN_ZHONGSHAN], "sightings": 2},
        {"cell": cells[IN_XIGANG], "sightings": 1},
    ]
    part = await (await api.person("checker", regions=(XIGANG,))).saw("/api/map/sightings", days=1)
    assert part["cells"] == [{"cell": cells[IN_XIGANG], "sightings": 1}]
    assert problem_of(await api.public.get("/api/map/sightings"))["status"] == 401
    api.clock.advance(days=3)
    later = await (await api.person("supervisor")).saw("/api/map/sightings", days=2)
    assert later["cells"] == []
    for days in (0, 367):
        answer = await (await api.person("supervisor")).get("/api/map/sightings", days=days)
        assert problem_of(answer)["field"] == "days"


async def test_a_track_is_thinned_and_breaks_where_nothing_is_known(api: Api) -> None:
    team_id = (await api.teams(IN_ZHONGSHAN))[0]
    stretch = [*range(7000, 5000, -5), *range(4400, 0, -5)]
    await _fixes(api, team_id, [float(s) for s in stretch])
    boss = await api.person("dispatcher")
    track = await boss.saw(f"/api/teams/{team_id}/track", since=(api.clock.now() - timedelta(hours=2)).isoformat())
    lines = track["line"]["coordinates"]
    assert len(lines) == 2
    assert 100 < sum(map(len, lines)) <= 302
    assert [len(line) for line in lines] == [len(at) for at in track["at"]]
    every = await boss.saw("/api/map/tracks", hours=8)
    assert [one["team_id"] for one in every] == [str(team_id)]
    assert len(every[0]["line"]["coordinates"]) == 2


async def test_tracks_are_shown_of_those_teams_that_one_may_see(api: Api) -> None:
    east, west = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    for team, place in ((east, IN_ZHONGSHAN), (west, IN_XIGANG)):
        await _fixes(api, team, [60, 30, 0], place)
    boss = await api.person("dispatcher", regions=(XIGANG,))
    assert [one["team_id"] for one in await boss.saw("/api/map/tracks")] == [str(west)]
    assert problem_of(await boss.get(f"/api/teams/{east}/track"))["status"] == 404
    officer = await api.person("officer", regions=(XIGANG,), team_id=east)
    assert [one["team_id"] for one in await officer.saw("/api/map/tracks")] == [str(east)]


async def test_a_team_without_a_fix_has_an_empty_track(api: Api) -> None:
    team_id = (await api.teams(IN_ZHONGSHAN))[0]
    boss = await api.person("dispatcher")
    assert (await boss.saw(f"/api/teams/{team_id}/track"))["line"]["coordinates"] == []
    assert await boss.saw("/api/map/tracks") == []
    for since in ("2016-09-19T06:00:00", "0.5", "yesterday"):
        assert problem_of(await boss.get(f"/api/teams/{team_id}/track", since=since))["field"] == "since"


# --- what the hotline asks --------------------------------------------------------------------------------------------


async def test_the_dangers_come_as_the_policy_has_them_the_worst_first(api: Api) -> None:
    asked = await api.public.saw("/api/dangers")
    assert {danger["code"] for danger in asked} == set(api.office.city.policy.triage)
    assert [danger["priority"] for danger in asked] == sorted(
        (danger["priority"] for danger in asked), key=["critical", "high", "normal"].index
    )
    assert next(danger for danger in asked if danger["code"] == "unconscious")["call_first"] == ["120"]


async def test_a_reporter_is_told_how_long_their_number_is_kept(api: Api) -> None:
    told = await api.public.saw("/api/promises")
    assert (told["contact_kept_days"], told["max_photos"]) == (180, 6)
    assert abs(datetime.fromisoformat(told["now"]) - api.clock.now()) < timedelta(minutes=1)


async def test_a_desk_learns_which_case_a_caller_may_mean_and_the_public_does_not(api: Api) -> None:
    case_id = await _case(api, IN_XIGANG)
    asked = {"report": a_report(IN_XIGANG, channel="hotline")}
    there, elsewhere = [await api.person("operator", regions=(region,)) for region in (XIGANG, ZHONGSHAN)]
    assert [one["case_id"] for one in (await there.post("/api/reports/similar", asked)).json()] == [case_id]
    for who, report in ((elsewhere, asked), (api.public, {"report": a_report(IN_XIGANG)})):
        assert [one["case_id"] for one in (await who.post("/api/reports/similar", report)).json()] == [None]
