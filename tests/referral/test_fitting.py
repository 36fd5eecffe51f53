"""Which facility will take these people: each reason why not by itself."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.referral.facilities.fitting import House, Room, judge
from backend.referral.facilities.takes import Someone

CHINA = ZoneInfo("Asia/Shanghai")
NOON = datetime(2016, 9, 19, 12, 0, tzinfo=CHINA)
MAN = Someone(sex="male", age_band="adult")


def house(**changes: Any) -> House:
    values: dict[str, Any] = {"kind": "station", "takes": ["adults"], "opening": None, "hidden": False, "room": Room()}
    return House(**{**values, **changes})


def codes(one: House, *people: Someone, at: datetime | None = NOON) -> list[str]:
    return [reason.code for reason in judge(one, people or (MAN,), at, CHINA).reasons]


def test_a_house_that_takes_them_is_open_and_has_a_place_fits() -> None:
    assert judge(house(), [MAN], NOON, CHINA).fits


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"takes": ["women"]}, "takes_no_men"),
        ({"opening": "1-5 08:30-11:30"}, "closed_on_arrival"),
        ({"hidden": True}, "for_victims_only"),
        ({"room": Room(whole=0)}, "full"),
        ({"room": Room(by_kind={"women": 5})}, "full"),
        ({"room": Room(whole=5, by_kind={"men": 0, "any": 0})}, "full"),
    ],
)
def test_each_reason_by_itself(changes: dict[str, Any], code: str) -> None:
    assert codes(house(**changes)) == [code]
    told = judge(house(**changes), [MAN], NOON, CHINA).reasons[0]
    assert told.zh
    assert told.en


def test_where_no_road_leads_is_said() -> None:
    assert codes(house(), at=None) == ["out_of_reach"]


def test_what_is_closed_says_when_it_opens() -> None:
    (reason,) = judge(house(opening="1-5 08:30-11:30"), [MAN], NOON, CHINA).reasons
    assert "下次开放 09-20 08:30" in reason.zh


def test_a_hidden_shelter_is_for_victims_of_violence() -> None:
    assert codes(house(hidden=True), Someone(sex="female", age_band="adult", needs=("violence",))) == []


def test_the_fittest_kind_of_place_is_used_and_any_place_where_it_is_full() -> None:
    assert judge(house(room=Room(by_kind={"men": 1, "any": 3})), [MAN], NOON, CHINA).place_kind == "men"
    assert judge(house(room=Room(by_kind={"men": 1, "any": 3})), [MAN, MAN], NOON, CHINA).place_kind == "any"
