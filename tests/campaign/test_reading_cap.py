"""Reading warnings: what real senders write, and what is refused because it could do harm."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.campaign import hazard
from backend.campaign.cap_read import LARGEST_BYTES, read
from backend.clock import CHINA
from backend.errors import Invalid
from tests.campaign.warnings_made import NAMESPACE, an_alert, an_info

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "cap"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real warnings (shared/data/cap) are not here")


def code_of(content: bytes) -> str:
    """Why it is refused."""
    with pytest.raises(Invalid) as refused:
        read(content, CHINA)
    assert refused.value.zh
    assert refused.value.en
    return str(refused.value.code)


def test_a_warning_is_read_with_both_languages_and_its_reference() -> None:
    english = an_info("cold wave", "Dalian issues a blue warning signal for a cold wave", language="en-US")
    alert = read(
        an_alert(english, an_info(), msg_type="Update", references="大连市气象台,210200_1,2016-12-19T18:00:00+08:00")
    )
    assert [info.is_chinese for info in alert.infos] == [False, True]
    assert alert.references[0].key == ("大连市气象台", "210200_1")
    assert alert.infos[1].areas[0].geocodes == (("CPEAS Geographic Code", "210200000000"),)
    assert alert.sent == datetime(2016, 12, 19, 18, tzinfo=CHINA)
    assert alert.oddities == ()


@pytest.mark.parametrize(
    "version", ["http://www.incident.com/cap/1.0", "urn:oasis:names:tc:emergency:cap:1.1", NAMESPACE, ""]
)
def test_every_version_is_read(version: str) -> None:
    assert read(an_alert(namespace=version)).identifier == "21020041600000_20161219180000"


def test_what_does_not_follow_the_standard_is_read_and_said() -> None:
    area = "<polygon>38.9,121.6 39,121.7</polygon><polygon>38.9,121.6 39,121.7 38.9,121.8</polygon><circle>38.9,121.6 x</circle>"
    info = an_info(area=area, expires="morgen", effective="2016-12-19T18:00:00")
    alert = read(an_alert(info, references="nobody"), CHINA)
    assert {odd.code for odd in alert.oddities} == {"bad_shape", "bad_time", "no_zone", "bad_reference"}
    (shape,) = alert.infos[0].areas[0].polygons
    assert shape[0] == shape[-1]
    assert alert.infos[0].effective == datetime(2016, 12, 19, 18, tzinfo=CHINA)
    assert alert.infos[0].expires is None


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8"])
def test_a_wrong_name_for_its_encoding_does_not_matter(encoding: str) -> None:
    text = an_alert(head='<?xml version="1.0" encoding="ISO-2022-KR"?>').decode()
    assert read(text.encode(encoding)).sender == "大连市气象台"


def test_two_megabytes_are_read() -> None:
    ring = " ".join(f"38.{n % 900:03},121.{n % 900:03}" for n in range(50_000))
    content = an_alert(an_info(area=f"<polygon>{ring}</polygon>" * 2, description="雪" * 100_000))
    assert 1_500_000 < len(content) < LARGEST_BYTES
    assert len(read(content).infos[0].areas[0].polygons) == 2


def test_what_could_do_harm_is_refused_unread() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><alert>&y;</alert>'
    outside = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alert>&x;</alert>'
    late = b" " * 20_000 + bomb[21:]
    assert [code_of(content) for content in (bomb, outside, late)] == ["has_doctype"] * 3
    assert code_of(b"x" * (LARGEST_BYTES + 1)) == "too_large"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_xml"),
        (b"\xff\xfe\x00garbage", "not_xml"),
        (b"<html><body>404</body></html>", "not_an_alert"),
        (an_alert(identifier=""), "no_identifier"),
        (an_alert(sent="soon"), "no_sent"),
        (an_alert(status="Real"), "bad_status"),
        (an_alert(msg_type=""), "no_msgType"),
        (an_alert()[:400], "not_xml"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(content: bytes, code: str) -> None:
    assert code_of(content) == code


def _whether_read(content: bytes) -> str:
    try:
        read(content, CHINA)
    except Invalid as refused:
        return "refused" if refused.zh and refused.en else "refused without a word"
    return "read"


@given(
    st.binary(max_size=400) | st.text(max_size=200).map(lambda text: an_alert(an_info(headline=text)) + text.encode())
)
def test_garbage_is_refused_and_nothing_else_happens(content: bytes) -> None:
    said = _whether_read(content)
    assert said in ("read", "refused")


@pytest.mark.parametrize("status", ["Exercise", "Test", "System", "Draft"])
def test_exercises_and_tests_are_not_real(status: str) -> None:
    assert not read(an_alert(status=status)).is_real
    assert read(an_alert()).is_real


# --- what it warns of -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "headline", "expected"),
    [
        ("寒潮", "大连市气象台发布寒潮蓝色预警信号[IV级/一般]", ("cold_wave", "blue", False)),
        ("高温", "将高温橙色预警信号升级为高温红色预警信号", ("heat", "red", False)),
        ("道路结冰", "解除道路结冰黄色预警信号", ("icy_roads", "yellow", True)),
        ("暴雪", "变更发布暴雪橙色预警信号", ("snow", "orange", False)),
        ("雷暴大风", "发布雷暴大风黄色预警", ("gale", "yellow", False)),
        ("台风", "台风蓝色预警：沿海大风", ("typhoon", "blue", False)),
        ("持续低温", "持续低温蓝色预警", ("low_temperature", "blue", False)),
        ("暴雨", "暴雨红色预警", ("rainstorm", "red", False)),
        ("Blizzard Warning", "Blizzard Warning issued December 27", ("snow", None, False)),
        ("地震", "地震信息", ("other", None, False)),
    ],
)
def test_hazard_and_colour_stand_in_the_words(
    event: str, headline: str, expected: tuple[str, str | None, bool]
) -> None:
    said = hazard.of(read(an_alert(an_info(event, headline))))
    assert (said.hazard, said.colour, said.lifted) == expected


def test_the_colour_of_other_services_stands_elsewhere() -> None:
    europe = an_info(
        "snow-ice",
        "Snow",
        language="en-GB",
        parameter="<valueName>awareness_level</valueName><value>3; orange; Severe</value>",
    )
    assert hazard.of(read(an_alert(europe))).colour == "orange"
    america = an_alert(an_info("Blizzard Warning", "Blizzard Warning", language="en-US")).replace(
        b"<severity>Unknown", b"<severity>Extreme"
    )
    assert hazard.of(read(america)).colour == "red"


def test_a_cancellation_lifts_whatever_its_words() -> None:
    assert hazard.of(read(an_alert(an_info("", ""), msg_type="Cancel"))).lifted


# --- real ones --------------------------------------------------------------------------------------------------------


@needs_real
@pytest.mark.parametrize("file", sorted(REAL.glob("*.xml")) if REAL.is_dir() else [], ids=lambda file: file.stem[:30])
def test_every_real_warning_is_read(file: Path) -> None:
    alert = read(file.read_bytes())
    assert alert.identifier
    assert alert.infos
    assert all(area.words for info in alert.infos for area in info.areas)


@needs_real
def test_the_chinese_red_heat_warning_says_what_it_is() -> None:
    alert = read((REAL / "cma_gaowen_red_update.xml").read_bytes())
    assert hazard.of(alert) == hazard.Warned("heat", "red", lifted=False)
    assert alert.msg_type == "Update"
    assert alert.references[0].key == (alert.sender, "37061441600000_20260727120039")
    assert alert.references[0].sent == alert.sent, "its time is the update's own: never matched by"
    assert alert.sent == datetime(2026, 8, 1, 13, 31, tzinfo=timezone(timedelta(hours=8)))
