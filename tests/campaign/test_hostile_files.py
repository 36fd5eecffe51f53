"""Files meant to do harm, and files that went wrong: each is read or refused in words, within a bounded time and memory."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import SYSTEM
from backend.campaign import hazard, warned, warnings
from backend.campaign.cap_read import LARGEST_BYTES, read
from backend.campaign.index import entries
from backend.clock import CHINA, ManualClock
from backend.errors import Invalid
from tests.campaign.warnings_made import NAMESPACE, an_alert, an_info
from tests.dispatch import builders
from tests.dispatch.builders import Town, city

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
TOWN = city()
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "cap"


def _with_doctype(subset: str, said: str = "&x;") -> bytes:
    return an_alert(head=f"{HEAD}<!DOCTYPE alert [{subset}]>", identifier=said)


def _bomb(generations: int = 12) -> bytes:
    """A billion laughs."""
    steps = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, generations))
    return _with_doctype(f'<!ENTITY e0 "ha">{steps}', f"&e{generations - 1};")


def _quadratic() -> bytes:
    return _with_doctype(f'<!ENTITY x "{"a" * 50_000}">', "&x;" * 2_000)


HARMFUL: dict[str, bytes] = {
    "a file of this machine": _with_doctype('<!ENTITY x SYSTEM "file:///etc/passwd">'),
    "an address": _with_doctype('<!ENTITY x SYSTEM "http://127.0.0.1:1/x">'),
    "a parameter entity": _with_doctype('<!ENTITY % p SYSTEM "http://127.0.0.1:1/evil.dtd"> %p;', "x"),
    "a document type elsewhere": an_alert(head=f'{HEAD}<!DOCTYPE alert SYSTEM "http://127.0.0.1:1/cap.dtd">'),
    "a document type of a name only": an_alert(head=f"{HEAD}<!DOCTYPE alert>"),
    "a bomb": _bomb(),
    "a quadratic bomb": _quadratic(),
    "a bomb in UTF-16": _bomb().decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "a bomb in GBK that says UTF-8": _bomb().decode().replace("ha", "哈").encode("gb18030"),
    "a bomb after a long comment": _bomb().replace(HEAD.encode(), f"{HEAD}<!--{'x' * 20_000}-->".encode()),
}


@pytest.mark.parametrize("content", HARMFUL.values(), ids=HARMFUL.keys())
def test_what_could_do_harm_is_refused_and_nothing_is_fetched_or_expanded(content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Invalid) as refused:
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert refused.value.code in ("has_doctype", "not_xml")
    assert refused.value.zh


def _nested(depth: int) -> bytes:
    return an_alert(f"<info>{'<area>' * depth}{'</area>' * depth}</info>")


BROKEN: dict[str, tuple[bytes, str]] = {
    "half a file": (an_alert()[: len(an_alert()) // 2], "not_xml"),
    "an error page": (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "has_doctype"),
    "an error page of old": (b"<html><body>502</body></html>", "not_an_alert"),
    "an error page that is no XML": (b"<html><br>502</html>", "not_xml"),
    "JSON": (b'{"error": "quota"}', "not_xml"),
    "a NUL byte": (an_alert().replace(b"Met", b"M\x00t"), "not_xml"),
    "only NUL bytes": (b"\x00" * 4_000, "not_xml"),
    "compressed": (gzip.compress(an_alert()), "packed"),
    "nothing": (b"", "not_xml"),
    "only white space": (b" \n" * 50, "not_xml"),
    "two documents": (an_alert() + an_alert(), "not_xml"),
    "very deep": (_nested(100_000), "not_xml"),
    "thousands of infos": (an_alert("<info/>" * 5_000), "too_large"),
    "a list": (f'<feed xmlns="http://www.w3.org/2005/Atom">{"<entry/>" * 3}</feed>'.encode(), "not_an_alert"),
    "undefined entity": (an_alert(identifier="&nope;"), "not_xml"),
    "too long": (an_alert(an_info(description="x" * LARGEST_BYTES)), "too_large"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "not_xml"),
    "a status in other words": (an_alert(status="真实"), "bad_status"),
    "a name of another standard": (f'<alert xmlns="{NAMESPACE}"/>'.encode(), "no_sent"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_what_went_wrong_is_refused_in_words(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(content, CHINA)
    assert refused.value.code == code
    assert refused.value.zh
    assert refused.value.en


def _many_areas() -> bytes:
    code = "<area><areaDesc>x</areaDesc><geocode><valueName>CPEAS Geographic Code</valueName><value>{}</value></geocode></area>"
    areas = "".join(code.format(f"{370100 + n % 900:06}{n % 1000:06}") for n in range(8_000))
    return an_alert(an_info().replace("</info>", f"{areas}</info>"))


def _many_points() -> bytes:
    ring = " ".join(f"38.{n % 9000:04},121.{n % 9000:04}" for n in range(90_000))
    return an_alert(an_info(area=f"<polygon>{ring}</polygon>", description="雪" * 100_000))


ODD: dict[str, bytes] = {
    "UTF-8 with a mark": b"\xef\xbb\xbf" + an_alert(),
    "UTF-16 that says so": an_alert().decode().replace('"UTF-8"', '"UTF-16"').encode("utf-16"),
    "UTF-16 that says UTF-8": an_alert().decode().encode("utf-16"),
    "GBK that says UTF-8": an_alert().decode().encode("gb18030"),
    "GBK that says so": an_alert().decode().replace("UTF-8", "GBK").encode("gbk"),
    "no declaration": an_alert(head=""),
    "thousands of areas": _many_areas(),
    "two megabytes of points": _many_points(),
    "comments everywhere": an_alert(head="").replace(b"><", b"><!-- x --><"),
}  # fmt: skip


@pytest.mark.parametrize("content", ODD.values(), ids=ODD.keys())
def test_what_is_only_odd_is_read(content: bytes) -> None:
    alert = read(content, CHINA)
    assert alert.sender == "大连市气象台"
    assert hazard.of(alert).hazard == "cold_wave"
    assert warned.where(alert, TOWN).is_said


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real warnings (shared/data/cap) are not here")
@pytest.mark.parametrize(
    "file", sorted(SHARED.glob("*.xml")) if SHARED.is_dir() else [], ids=lambda file: file.stem[:30]
)
def test_every_real_one_mutilated_is_read_or_refused(file: Path) -> None:
    whole = file.read_bytes()
    assert warned.where(read(whole), TOWN).concerns_us is False
    for cut in range(1, len(whole), 97):
        assert _said(whole[:cut]) == "refused"
        assert _said(whole[: cut - 1] + whole[cut:]) in ("read", "refused")


def _said(content: bytes) -> str:
    try:
        warned.where(read(content, CHINA), TOWN)
    except Invalid as refused:
        return "refused" if refused.zh and refused.en and refused.code else "refused without a word"
    return "read"


# Real warnings put together wrongly: members missing, twice, empty, of the wrong kind, in any order, with anything inside.
_text = st.text(st.characters(exclude_characters="<&\x00", exclude_categories=["Cs", "Cc"]), max_size=30)
_value = _text | st.sampled_from(
    ["38.9,121.6 39,121.7 38.9,121.8", "38.9,121.6 NaN", "nan,nan 1", "inf,inf 1 2", "1e999,0 1", "2016-12-19T18:00:00+08:00",
     "2016-13-45T99:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "a,b,c d,e,f", ",,,", "210200000000", "-1"]
)  # fmt: skip
_names = ["language", "event", "headline", "expires", "onset", "severity", "areaDesc", "polygon", "circle", "geocode", "references",
          "identifier", "sender", "sent", "status", "msgType", "valueName", "value", "info", "area", "parameter", "Signature", "scope"]  # fmt: skip
_element: st.SearchStrategy[str] = st.recursive(
    st.builds("<{0}>{1}</{0}>".format, st.sampled_from(_names), _value),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>", st.sampled_from(_names), st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(parts=st.lists(_element, max_size=10), whole=st.booleans())
def test_whatever_is_put_together_is_read_or_refused(parts: list[str], whole: bool) -> None:
    inside = "".join(parts)
    content = (
        an_alert(f"<info>{inside}</info>") if whole else f'{HEAD}<alert xmlns="{NAMESPACE}">{inside}</alert>'.encode()
    )
    assert _said(content) in ("read", "refused")


@given(st.binary(max_size=200), st.integers(0, 900))
def test_whatever_bytes_are_put_into_it_it_is_read_or_refused(noise: bytes, at: int) -> None:
    whole = an_alert()
    assert _said(whole[:at] + noise + whole[at:]) in ("read", "refused")


@given(st.binary(max_size=300) | st.lists(_element, max_size=6).map(lambda parts: f"<rss><channel>{''.join(parts)}</channel></rss>".encode()))  # fmt: skip
def test_a_list_is_read_or_refused(content: bytes) -> None:
    said = ""
    try:
        entries(content, "https://weather.example/feed")
    except Invalid as refused:
        said = refused.zh
    else:
        said = "read"
    assert said


# --- taken in ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock) -> Town:
    return await builders.town(db, clock)


@pytest.mark.parametrize("made", [lambda: list(HARMFUL.values()), lambda: [one for one, _ in BROKEN.values()]])
async def test_each_is_kept_with_its_reason_and_the_next_warning_is_taken(
    town: Town, made: Callable[[], list[bytes]]
) -> None:
    files = made()
    for content in files:
        taken = await warnings.take_in(town.office, content, source="feed", by=SYSTEM, now=town.now)
        assert taken.deed == "ignored"
        assert taken.because_zh
    until = (town.now + timedelta(hours=9)).astimezone(CHINA).isoformat()
    good = an_alert(an_info(expires=until), sent=town.now.astimezone(CHINA).isoformat())
    assert (await warnings.take_in(town.office, good, source="feed", by=SYSTEM, now=town.now)).deed == "opens"
    async with town.office.db.connect() as tx:
        refused = await tx.scalar(text("SELECT count(*) FROM warnings WHERE state = 'refused'"))
        assert refused == len(set(files))
        assert await tx.scalar(text("SELECT max(length(content)) FROM warnings")) <= 200_000


async def test_while_a_long_one_is_read_others_are_served(town: Town) -> None:
    """Reading is off the loop: whoever waits for something else gets on meanwhile."""
    turns = 0

    async def somebody_else() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(somebody_else())
    await asyncio.to_thread(lambda: None)
    turns = 0
    await warnings.take_in(town.office, _many_points(), source="feed", by=SYSTEM, now=town.now)
    other.cancel()
    assert turns > 100


async def test_a_thousand_warnings_of_elsewhere_and_one_of_ours(town: Town) -> None:
    """A national feed, as it is read: what is not ours leaves no row, no event, and little work for the database."""
    sent = town.now.astimezone(CHINA).isoformat()
    until = (town.now + timedelta(hours=9)).astimezone(CHINA).isoformat()
    code = "<geocode><valueName>CPEAS Geographic Code</valueName><value>{}000000</value></geocode>"

    def one(n: int, region: int) -> bytes:
        return an_alert(
            an_info(area=code.format(region), expires=until), identifier=f"N{n}", sent=sent, sender=f"台{region}"
        )

    feed = [one(n, 110100 + n * 7 % 90 + 10_000 * (n % 9)) for n in range(1_000)]
    feed[500] = one(500, 210200)
    taken = [await warnings.take_in(town.office, content, source="feed", by=SYSTEM, now=town.now) for content in feed]
    assert [one.deed for one in taken if one.because != "elsewhere"] == ["opens"]
    w = tables.warnings.c
    async with town.office.db.connect() as tx:
        assert list((await tx.execute(select(w.identifier))).scalars()) == ["N500"]
        assert await tx.scalar(text("SELECT count(*) FROM events WHERE kind LIKE 'warning.%'")) == 1


async def test_codes_that_nobody_here_knows_are_kept_once_a_day_and_said(town: Town, clock: ManualClock) -> None:
    async def unplaced(n: int) -> warnings.Taken:
        code = f"<geocode><valueName>UGC</valueName><value>MNZ{n:03}</value></geocode>"
        until = (town.now + timedelta(hours=9)).astimezone(CHINA).isoformat()
        content = an_alert(an_info(area=code, expires=until), identifier=f"U{n}", sent=town.now.isoformat())
        return await warnings.take_in(town.office, content, source="feed", by=SYSTEM, now=town.now)

    assert [(await unplaced(n)).because for n in range(30)] == ["unplaced"] * 30
    clock.advance(hours=30)
    await unplaced(40)
    leader = builders.LEADER
    async with town.office.db.connect() as tx:
        shown = await warnings.list_warnings(tx, town.office, leader, since=town.now - timedelta(days=3))
    assert {one.identifier for one in shown} == {"U0", "U40"}
    assert "UGC MNZ000" in shown[-1].told.oddities[0].zh
    assert shown[0].because_zh == "范围只用本市未配置对照表的代码写明"


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2016-02-30T00:00:00+08:00"]
)
async def test_a_time_that_cannot_be_is_no_time(town: Town, moment: str) -> None:
    sent = town.now.astimezone(CHINA).isoformat()
    bad = await warnings.take_in(town.office, an_alert(sent=moment), source="feed", by=SYSTEM, now=town.now)
    assert bad.because == "no_sent"
    open_end = an_alert(an_info(expires=moment), sent=sent)
    assert (await warnings.take_in(town.office, open_end, source="feed", by=SYSTEM, now=town.now)).deed == "opens"
