"""The made-up weather service: what it sends is read as it is meant, says that it is made up, and counts once."""

from dataclasses import replace
from datetime import datetime, timedelta

from backend.campaign import hazard, warned
from backend.campaign.cap_read import read
from backend.city import City
from backend.clock import CHINA
from ops.simulate.run import cold_waves
from ops.simulate.weather_service import DEMONSTRATION, as_cap, chain

BEGINS = datetime(2016, 9, 19, 7, 30, tzinfo=CHINA)


def test_the_cold_wave_comes_gets_graver_and_is_lifted(dalian: City) -> None:
    messages = chain(BEGINS)
    alerts = [read(as_cap(message, messages[0].at, dalian)) for message in messages]
    said = [hazard.of(alert) for alert in alerts]
    assert [(one.hazard, one.colour, one.lifted) for one in said] == [
        ("cold_wave", "blue", False),
        ("cold_wave", "orange", False),
        ("cold_wave", "orange", True),
    ]
    assert [alert.msg_type for alert in alerts] == ["Alert", "Update", "Cancel"]
    assert [alert.sent for alert in alerts] == [BEGINS + step.after for step in DEMONSTRATION]
    assert alerts[1].references[0].key == alerts[0].key
    assert alerts[2].references[0].key == alerts[1].key


def test_each_concerns_the_whole_city_and_says_in_both_languages_that_it_is_made_up(dalian: City) -> None:
    for city in (dalian, replace(dalian, id="211100", name_zh="盘锦", name_en="Panjin <x>")):
        for message in chain(BEGINS):
            alert = read(as_cap(message, BEGINS, city))
            assert alert.oddities == ()
            assert city is not dalian or warned.where(alert, city).regions == (city.id,)
            zh, en = alert.infos
            assert "虚构" in zh.headline
            assert "虚构" in zh.description
            assert "made up" in en.headline
            assert "made up" in en.description


def test_every_day_has_one_and_a_restart_sends_the_same(dalian: City) -> None:
    first = cold_waves(dalian, BEGINS, BEGINS, timedelta(hours=7, minutes=30))
    later = cold_waves(dalian, BEGINS, BEGINS + timedelta(days=3), timedelta(hours=7, minutes=30))
    assert first[0].at == BEGINS + timedelta(minutes=20)
    assert later[0].at == first[6].at
    again = as_cap(later[0], later[0].at, dalian)
    assert again == as_cap(first[6], first[6].at, dalian)
    assert len({read(as_cap(one, first[n - one.number].at, dalian)).key for n, one in enumerate(first[:30])}) == 30
