"""What speaks for a handled case, item by item, and what is doubted or missing. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from backend.dispatch.evidence import CODES, Item, Seen, TrackPoint, checklist, doubts
from backend.dispatch.protection import Handling, HandOver, PersonMet
from backend.geo.place import LonLat
from backend.policy import default_policy

SPOT = LonLat(121.61, 38.912)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
POLICY = default_policy()
CAPABLE = PersonMet(sex="male", age_band="adult", capacity="capable", consent="given")


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def north(metres: float) -> LonLat:
    return LonLat(SPOT.lon, SPOT.lat + metres / 111_200)


def point(after_min: float, metres: float = 20) -> TrackPoint:
    place = north(metres)
    return TrackPoint(NOON + minutes(after_min), place.lon, place.lat)


def a_record(**changes: Any) -> Handling:
    values: dict[str, Any] = {"outcome": "escorted_to_station", "handled_at": NOON, "people": (CAPABLE,)}
    paper = HandOver(facility="救助站", receiver="王", signed_by_crew=True, signed_by_receiver=True)
    return Handling(**{**values, "hand_over": paper, **changes})


def a_visit(**changes: Any) -> Seen:
    """Ten minutes after acceptance at the spot, there for a quarter of an hour, everything recorded."""
    values: dict[str, Any] = {
        "place": SPOT,
        "arrived_place": north(30),
        "accuracy_m": 10.0,
        "reason_given": False,
        "accepted_at": NOON - minutes(10),
        "due_at": NOON + minutes(20),
        "arrived_at": NOON,
        "handled_at": NOON + minutes(15),
        "late_entry_s": 0.0,
        "arrival_told_s": 0.0,
        "phone_off_s": None,
        "track": [point(0), point(5)],
        "photos": [NOON + minutes(3)],
        "scene": [],
        "signatures": 0,
        "record": a_record(),
    }
    return Seen(**{**values, **changes})


def found(seen: Seen) -> dict[str, Item]:
    return {item.code: item for item in checklist(seen, POLICY)}


def test_a_whole_visit_leaves_no_doubt() -> None:
    items = checklist(a_visit(), POLICY)
    assert [item.code for item in items] == list(CODES)
    assert not list(doubts(items))
    assert {item.code for item in items if item.state == "not_needed"} == {"help_left", "call_back"}


def test_every_item_says_what_it_found_in_both_languages() -> None:
    for item in checklist(a_visit(track=[], record=None, arrived_place=None), POLICY):
        assert any("\u4e00" <= letter <= "\u9fff" for letter in item.zh + item.title_zh), item
        assert item.en
        assert item.title_en
        assert msgspec.json.encode(item), "facts travel"


DOUBTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "arrived without a position": ("place", "doubtful", {"arrived_place": None}),
    "arrived half a kilometre off": ("place", "doubtful", {"arrived_place": north(500)}),
    "half a kilometre off, by a poor fix": ("place", "ok", {"arrived_place": north(500), "accuracy_m": 300.0}),
    "no track at all": ("track", "missing", {"track": []}),
    "the track never came near": ("track", "doubtful", {"track": [point(0, 900), point(5, 700)]}),
    "the track passed by": ("track", "ok", {"track": [point(-5, 900), point(0, 200), point(5, 900)]}),
    "late on the spot": ("on_time", "doubtful", {"due_at": NOON - minutes(3)}),
    "no clock ran": ("on_time", "not_needed", {"due_at": None}),
    "there for a minute": ("stay", "doubtful", {"handled_at": NOON + minutes(1)}),
    "never handled": ("stay", "missing", {"handled_at": None}),
    "handled before the arrival": ("order", "doubtful", {"handled_at": NOON - minutes(1)}),
    "by a phone that was slow": ("order", "doubtful", {"phone_off_s": -1800}),
    "entered the next day": ("order", "doubtful", {"late_entry_s": 86_400.0}),
    "an old photo only": ("photo", "not_needed", {"photos": [NOON - minutes(30)]}),
    "fewer photos than it says": ("photo", "doubtful", {"scene": [NOON], "record": a_record(photos=2)}),
    "photos that never came in": ("photo", "doubtful", {"photos": [], "record": a_record(photos=2)}),
    "nobody found and no photo": ("photo", "missing", {"photos": [], "record": a_record(outcome="not_found")}),
    "signed by one side": ("hand_over", "doubtful", {"record": a_record(hand_over=HandOver(facility="救助站"))}),
    "no hand-over": ("hand_over", "missing", {"record": a_record(hand_over=None)}),
    "an old man, signed by one side": (
        "hand_over", "missing",
        {"record": a_record(hand_over=HandOver(facility="救助站"), people=(PersonMet(age_band="old", consent="given"),))}),
    "to the police, nobody told": ("hand_over", "missing", {"record": a_record(outcome="to_police")}),
    "to the police": (
        "hand_over", "ok", {"record": a_record(outcome="to_police", police_told_at=NOON, police_told_by="李")}),
    "to a family nobody checked": ("hand_over", "missing", {"record": a_record(outcome="to_family")}),
    "no consent": ("consent", "missing", {"record": a_record(people=(PersonMet(),))}),
    "no consent, with a ground": (
        "consent", "doubtful", {"record": a_record(people=(PersonMet(consent="not_possible", consent_ground="昏睡"),))}),
    "stayed without help": ("help_left", "missing", {"record": a_record(outcome="stays_supplies_given")}),
    "stayed with help": (
        "help_left", "ok", {"record": a_record(outcome="stays_supplies_given", info_left=True, supplies=("water",))}),
    "to be rung back": ("call_back", "missing", {"asked_back": 1}),
    "rung three times": ("call_back", "doubtful", {"asked_back": 1, "tries": 3}),
    "rung back": ("call_back", "ok", {"asked_back": 1, "tries": 1, "reached": 1, "least_satisfied": 4}),
    "rung back and cross": (
        "call_back", "doubtful", {"asked_back": 1, "tries": 1, "reached": 1, "least_satisfied": 1}),
}  # fmt: skip


@pytest.mark.parametrize("what", DOUBTS)
def test_what_is_not_as_it_should_be_shows_in_its_item(what: str) -> None:
    code, state, changes = DOUBTS[what]
    assert found(a_visit(**changes))[code].state == state, found(a_visit(**changes))[code]


def test_how_far_off_and_how_long_stand_in_the_facts() -> None:
    items = found(a_visit(arrived_place=north(450), handled_at=NOON + minutes(1)))
    assert items["place"].facts["distance_m"] == pytest.approx(450, abs=5)
    assert items["stay"].facts == {"stayed_s": 60.0, "at_least_s": 120.0}
    assert items["on_time"].facts["took_s"] == 600


def test_an_arrival_in_time_that_was_told_after_the_deadline_says_so() -> None:
    told = found(a_visit(arrival_told_s=21 * 60.0))["on_time"]
    assert (told.state, told.facts["told_after_deadline"]) == ("ok", True)
    assert "21 分钟后" in told.zh
    assert not found(a_visit(arrival_told_s=19 * 60.0))["on_time"].facts["told_after_deadline"]


def test_the_crews_own_photos_speak_for_the_spot() -> None:
    record = a_record(outcome="not_found", photos=2)
    told = found(a_visit(photos=[], scene=[NOON, NOON + minutes(1)], record=record))["photo"]
    assert (told.state, told.facts["scene"]) == ("ok", 2)


def test_signatures_that_were_drawn_are_told_from_a_word() -> None:
    assert "签字可查看" in found(a_visit(signatures=2))["hand_over"].zh
    assert "签字可查看" not in found(a_visit(signatures=0))["hand_over"].zh
