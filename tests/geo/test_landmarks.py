"""What a caller says finds the place that is meant, in Dalian."""

import time
from pathlib import Path

import pytest

from backend.geo.landmarks import Landmark, Landmarks
from backend.geo.place import LonLat, distance_m
from backend.geo.region_files import load
from backend.geo.roads import Roads

CENTRE = LonLat(121.62, 38.91)
STATION = Landmark("大连市救助管理站（演示）", "facility", LonLat(121.588945, 38.905766), "白山路")


@pytest.fixture(scope="module")
def landmarks(dalian: Roads) -> Landmarks:
    regions, _ = load(Path(__file__).parents[2] / "cities" / "dalian" / "regions.geojson")
    return Landmarks.of_city(dalian, regions)


def first(landmarks: Landmarks, text: str) -> tuple[str, str]:
    found = landmarks.search(text, near=CENTRE, also=[STATION])
    return (found[0].landmark.name, found[0].matched) if found else ("", "")


@pytest.mark.parametrize(
    ("said", "name", "matched"),
    [
        ("人民路", "人民路", "words"),
        ("在人民路附近"[1:], "人民路", "words"),
        ("renminlu", "人民路", "pinyin"),
        ("ren min lu", "人民路", "pinyin"),
        ("RML", "人民路", "initials"),
        ("人民l", "人民路", "pinyin"),
        ("zsgc", "中山广场", "initials"),
        ("zhongshanguangch", "中山广场", "pinyin"),
        ("西岗", "西岗区", "words"),
        ("xgq", "西岗区", "initials"),
        ("中山路 一二九街", "一二九街与中山路交叉口", "words"),
        ("中山路与一二九街交叉口", "一二九街与中山路交叉口", "words"),
        ("中山路和一二九街的路口", "一二九街与中山路交叉口", "words"),
        ("一二九街，中山路", "一二九街与中山路交叉口", "words"),
        ("东北路长江路", "东北路与长江路交叉口", "words"),
        ("dbl cjl", "东北路与长江路交叉口", "initials"),
        ("dongbeilu changjianglu", "东北路与长江路交叉口", "pinyin"),
        ("救助站", "大连市救助管理站（演示）", "words"),
        ("大连市救助", "大连市救助管理站（演示）", "words"),
        ("ｇ２０１", "G201", "words"),
    ],
)
def test_what_was_said_finds_what_was_meant(landmarks: Landmarks, said: str, name: str, matched: str) -> None:
    assert first(landmarks, said) == (name, matched)


def test_two_streets_that_never_meet_are_shown_each(landmarks: Landmarks) -> None:
    found = landmarks.search("人民路与解放路", near=CENTRE)
    assert [match.landmark.name for match in found[:2]] == ["人民路", "解放路"]
    assert [(match.fit, match.sought) for match in found] == [("apart", "人民路"), ("apart", "解放路")]
    assert {match.fit for match in landmarks.search("中山路与一二九街", near=CENTRE)} == {"whole"}


@pytest.mark.parametrize("said", ["香炉礁立交桥", "香炉礁立交桥下面", "香炉礁地铁站附近", "香炉礁桥"])
def test_what_stands_there_is_left_out_when_nothing_is_found_with_it(landmarks: Landmarks, said: str) -> None:
    found = landmarks.search(said, near=CENTRE)
    assert found
    assert {(match.fit, match.sought) for match in found} == {("shortened", "香炉礁")}
    assert {match.fit for match in landmarks.search("西安路桥", near=CENTRE)} == {"whole"}


@pytest.mark.parametrize("said", ["", "  ", "，。", "qqqq", "不存在的地方", "附近", "\x00", "%_'\"", "😀"])
def test_nothing_that_fits_is_an_empty_answer(landmarks: Landmarks, said: str) -> None:
    assert landmarks.search(said) == []


def test_of_equals_the_nearer_comes_first(landmarks: Landmarks) -> None:
    for street in ("光华街", "民政街"):
        both = [match.landmark for match in landmarks.search(street, limit=2)]
        assert [one.name for one in both] == [street, street]
        for one in both:
            assert landmarks.search(street, near=one.place, limit=1)[0].landmark == one


def test_a_place_that_the_asker_may_not_know_is_not_found(landmarks: Landmarks) -> None:
    assert not [match for match in landmarks.search("救助管理站") if match.landmark.kind == "facility"]


def test_a_search_answers_while_somebody_types(landmarks: Landmarks) -> None:
    said = ["r", "rml", "人民路与解放路", "renmin lu jiefang lu", "z" * 500, "abcdefgh", "广场"]
    for text in said:
        landmarks.search(text, near=CENTRE)
    began = time.perf_counter()
    for text in said:
        landmarks.search(text, near=CENTRE)
    assert (time.perf_counter() - began) / len(said) < 0.2, "some milliseconds; a machine under load may take more"


def test_a_place_is_described_as_one_would_say_it(landmarks: Landmarks) -> None:
    at = landmarks.search("中山路 一二九街")[0].landmark.place
    said = landmarks.describe(at)
    assert said.zh == "西岗区 一二九街与中山路交叉口附近（约 10 米）"
    assert said.crossing == "一二九街与中山路交叉口"
    assert landmarks.short(at) == "一二九街与中山路交叉口附近"


def test_a_place_in_the_sea_has_words_too(landmarks: Landmarks) -> None:
    assert landmarks.describe(LonLat(121.9, 38.5)).zh == "不在道路附近"


def test_every_crossing_is_found_by_its_own_two_names(landmarks: Landmarks) -> None:
    crossings = [match.landmark for match in landmarks.search("路", limit=10_000) if match.landmark.kind == "crossing"]
    assert len(crossings) > 300
    for crossing in crossings[::40]:
        one, other = crossing.name.removesuffix("交叉口").split("与")
        for said in (f"{one} {other}", f"{other}与{one}交叉口", f"{other}和{one}"):
            found = landmarks.search(said, near=crossing.place, limit=1)
            assert found, said
            assert distance_m(found[0].landmark.place, crossing.place) < 5, said
