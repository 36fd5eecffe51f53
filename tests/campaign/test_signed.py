"""Signed warnings: only what the sender signed counts, whatever else stands in the document."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access.actor import SYSTEM
from backend.campaign import warnings
from backend.campaign.cap_read import read
from backend.campaign.signed import check
from backend.campaign.warnings import Taken
from backend.clock import CHINA, ManualClock
from backend.errors import Invalid
from backend.signers import Signers, open_signers
from ops.doctor import check_signers
from ops.findings import Patient
from tests.campaign.keys_made import BEGINS, LASTS, pair, sign, signers
from tests.campaign.warnings_made import NAMESPACE, an_alert, an_info
from tests.dispatch import builders
from tests.dispatch.builders import Town, somebody

SENDER = "大连市气象台"
NOW = datetime(2016, 12, 19, 19, tzinfo=CHINA)
OURS, OTHER = pair("大连市气象台"), pair("somebody else")
DSIG = "{http://www.w3.org/2000/09/xmldsig#}Signature"


@pytest.fixture
def known(tmp_path: Path) -> Signers:
    return signers(tmp_path, (SENDER, OURS, ""))


def why(content: bytes, known: Signers, now: datetime = NOW, source: str = "feed") -> str:
    with pytest.raises(Invalid) as refused:
        check(content, SENDER, source, known, now)
    assert SENDER in refused.value.zh
    assert refused.value.en
    return str(refused.value.code)


def test_a_good_signature_is_good_and_what_is_read_is_what_was_signed(known: Signers) -> None:
    checked = check(sign(an_alert(), OURS), SENDER, "feed", known, NOW)
    assert checked.state == "good"
    assert read(checked.content) == read(an_alert())


def test_without_a_certificate_for_the_sender_nothing_is_verified_and_it_says_so(known: Signers) -> None:
    signed = sign(an_alert(sender="别处气象台"), OURS)
    assert check(signed, "别处气象台", "feed", known, NOW).state == "unknown_signer"
    assert check(signed, "别处气象台", "feed", Signers(), NOW).state == "unknown_signer"
    assert check(an_alert(), SENDER, "feed", Signers(), NOW).state == "none"


def test_tampering_shows(known: Signers) -> None:
    tampered = sign(an_alert(), OURS).replace("蓝色".encode(), "红色".encode())
    assert why(tampered, known) == "bad_signature"


def test_somebody_else_s_signature_is_bad_although_their_certificate_comes_along(known: Signers) -> None:
    assert why(sign(an_alert(), OTHER), known) == "bad_signature"


def test_taking_the_signature_off_does_not_help(known: Signers, tmp_path: Path) -> None:
    assert why(an_alert(), known) == "unsigned"
    changing_over = signers(tmp_path, (SENDER, OURS, "taken"))
    assert check(an_alert(), SENDER, "feed", changing_over, NOW).state == "none"
    assert why(sign(an_alert(), OTHER), changing_over) == "bad_signature"


def test_a_certificate_that_is_over_or_has_not_begun_verifies_nothing(known: Signers) -> None:
    signed = sign(an_alert(), OURS)
    assert why(signed, known, BEGINS + LASTS + timedelta(days=1)) == "bad_signature"
    assert why(signed, known, BEGINS - timedelta(days=1)) == "bad_signature"


def test_while_certificates_change_the_old_and_the_next_count(tmp_path: Path) -> None:
    known = signers(tmp_path, (SENDER, [OURS, OTHER], ""))
    assert {check(sign(an_alert(), one), SENDER, "feed", known, NOW).state for one in (OURS, OTHER)} == {"good"}


def test_a_source_or_everybody_may_have_to_sign(tmp_path: Path) -> None:
    known = signers(tmp_path, ("https://weather.example/", OURS, ""), ("*", OTHER, ""))
    assert check(sign(an_alert(), OURS), SENDER, "https://weather.example/feed", known, NOW).state == "good"
    assert check(sign(an_alert(), OTHER), SENDER, "hand:someone", known, NOW).state == "good"
    assert why(sign(an_alert(), OTHER), known, source="https://weather.example/feed") == "bad_signature"


# --- wrapping ---------------------------------------------------------------------------------------------------------


def _red() -> etree._Element:
    """A warning that nobody signed."""
    return etree.fromstring(an_alert(an_info("寒潮", "寒潮红色预警"), identifier="EVIL"))


def _wrapped_whole() -> bytes:
    """The signed alert whole within another one: its signature is not the outer one's."""
    outer = _red()
    outer.append(etree.fromstring(sign(an_alert(), OURS)))
    return bytes(etree.tostring(outer))


def _wrapped_by_id() -> bytes:
    """The signature moved to the evil alert, still pointing at the good one by its id."""
    inner = etree.fromstring(an_alert())
    inner.set("Id", "good")
    signed = etree.fromstring(sign(bytes(etree.tostring(inner)), OURS, uri="good"))
    signature = signed.find(DSIG)
    assert signature is not None
    signed.remove(signature)
    outer = _red()
    outer.append(signature)
    outer.append(signed)
    return bytes(etree.tostring(outer))


def _two_of_one_id() -> bytes:
    outer = etree.fromstring(_wrapped_by_id())
    outer.set("Id", "good")
    return bytes(etree.tostring(outer))


def _only_a_part_is_signed() -> bytes:
    """A good signature of the sender, over an info block only."""
    alert = etree.fromstring(an_alert())
    info = alert.find(f"{{{NAMESPACE}}}info")
    assert info is not None
    info.set("Id", "part")
    return sign(bytes(etree.tostring(alert)), OURS, uri="part")


def _in_an_object() -> bytes:
    """The signed alert in an Object of its own signature (enveloping), beside evil content."""
    outer = _red()
    signed = etree.fromstring(_wrapped_by_id())
    signature, inner = signed.find(DSIG), signed[-1]
    assert signature is not None
    box = etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Object")
    box.append(inner)
    outer.append(signature)
    return bytes(etree.tostring(outer))


@pytest.mark.parametrize(
    "made", [_wrapped_whole, _wrapped_by_id, _two_of_one_id, _only_a_part_is_signed, _in_an_object]
)
def test_a_signature_of_something_else_in_the_document_is_not_the_warning_s(known: Signers, made: object) -> None:
    assert callable(made)
    content = made()
    assert read(content).identifier in ("EVIL", read(an_alert()).identifier)
    assert why(content, known) in ("bad_signature", "unsigned")


def test_a_comment_in_the_middle_of_a_word_changes_nothing_that_is_read(known: Signers) -> None:
    """Comments are not signed: what is read is what is left without them."""
    signed = sign(an_alert(sender="大连市气象台"), OURS)
    split = signed.replace("寒潮蓝色预警".encode(), "寒潮蓝<!-- x -->色预警".encode())
    checked = check(split, SENDER, "feed", known, NOW)
    assert read(checked.content).infos[0].headline == read(an_alert()).infos[0].headline


@pytest.mark.parametrize(
    "broken",
    [
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>',
        '<Signature xmlns="urn:other"><SignedInfo/></Signature>',
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="x"/></SignedInfo></Signature>',
    ],
)
def test_a_made_up_signature_is_bad_and_breaks_nothing(known: Signers, broken: str) -> None:
    assert why(an_alert().replace(b"</alert>", f"{broken}</alert>".encode()), known) == "bad_signature"


# --- the folder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("of,certificate,unsigned\n大连市气象台,missing.pem,\n", "第 2 行"),
        ("of,certificate,unsigned\n大连市气象台,../0.pem,\n", "须在本目录内"),
        ("of,certificate,unsigned\n大连市气象台,empty.pem,\n", "empty.pem"),
        ("of,certificate,unsigned\n大连市气象台,0.pem,perhaps\n", "refused 或 taken"),
    ],
)
def test_a_wrong_line_of_the_folder_is_named(tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "senders.csv").write_text(lines)
    with pytest.raises(Invalid) as refused:
        open_signers(tmp_path)
    assert said in refused.value.zh
    assert "line 2" in refused.value.en


def test_a_folder_without_a_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"senders\.csv"):
        open_signers(tmp_path)


# --- taken in ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def town(db: AsyncEngine, clock: ManualClock, known: Signers) -> Town:
    town = await builders.town(db, clock)
    town.office.signers = known
    return town


def cold(town: Town, **more: str) -> bytes:
    until = (town.now + timedelta(hours=20)).astimezone(CHINA).isoformat()
    sent = town.now.astimezone(CHINA).isoformat()
    return an_alert(an_info("寒潮", "寒潮蓝色预警", expires=until), sent=sent, **more)


async def take(town: Town, content: bytes) -> Taken:
    return await warnings.take_in(town.office, content, source="feed", by=SYSTEM, now=town.now)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


async def test_how_it_is_signed_is_kept_and_shown_in_words(town: Town) -> None:
    assert (await take(town, sign(cold(town), OURS))).deed == "opens"
    other = sign(cold(town, sender="别处气象台", identifier="X"), OTHER)
    assert (await take(town, other)).deed == "opens"
    async with town.office.db.connect() as tx:
        shown = await warnings.list_warnings(tx, town.office, somebody("shift_leader"), since=town.now)
    assert {(one.sender, one.signature, one.signature_zh) for one in shown} == {
        (SENDER, "good", "签名有效"),
        ("别处气象台", "unknown_signer", "有签名，未配置其证书，未核验"),
    }


async def test_a_forged_one_opens_nothing_is_kept_with_its_reason_and_does_not_stand_in_the_way(town: Town) -> None:
    forged = await take(town, sign(cold(town), OTHER))
    assert (forged.deed, forged.because) == ("ignored", "bad_signature")
    assert (await take(town, cold(town))).because == "unsigned"
    assert (await take(town, sign(cold(town), OURS))).deed == "opens"
    w = tables.warnings.c
    async with town.office.db.connect() as tx:
        found = [tuple(row) for row in await tx.execute(select(w.state, w.signature, w.because).order_by(w.id))]
        assert await tx.scalar(text("SELECT count(*) FROM warnings WHERE length(content) > 0")) == 3
    assert found == [("refused", "bad", "bad_signature"), ("refused", "none", "unsigned"), ("live", "good", None)]


def test_the_doctor_says_a_month_before_that_a_certificate_ends(tmp_path: Path) -> None:
    now = datetime.now(CHINA)
    short = pair("short", now - timedelta(days=300), timedelta(days=320))
    long = pair("long", now - timedelta(days=1), timedelta(days=365))
    known = signers(tmp_path, (SENDER, short, ""), ("*", [short, long], ""))
    found = list(check_signers(Patient({}, {"signers": known}, tmp_path)))
    assert [one.ok for one in found] == [False, True]
    assert SENDER in found[0].zh
    assert list(check_signers(Patient({}, {"signers": Signers()}, tmp_path))) == []
