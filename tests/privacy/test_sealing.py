"""What is sealed opens with the right key, in its own place, and not otherwise."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.sealing import OVERHEAD_BYTES, Ring, Unsealable, fresh_key, normalised
from tests.keys import RING

HERE, THERE = "sighting_contacts.phone:1", "sighting_contacts.phone:2"


@given(st.text())
def test_what_was_sealed_opens(plain: str) -> None:
    sealed = RING.seal(plain, HERE)
    assert RING.open(sealed, HERE) == plain
    assert len(sealed) == len(plain.encode()) + OVERHEAD_BYTES


def test_the_same_text_sealed_twice_looks_different() -> None:
    assert RING.seal("13900000000", HERE) != RING.seal("13900000000", HERE)


@pytest.mark.parametrize("about", [THERE, "sighting_contacts.name:1", ""])
def test_a_sealed_text_moved_elsewhere_does_not_open(about: str) -> None:
    with pytest.raises(Unsealable):
        RING.open(RING.seal("13900000000", HERE), about)


@pytest.mark.parametrize("position", [0, 2, 8, 20, -1])
def test_a_changed_byte_does_not_open(position: int) -> None:
    sealed = bytearray(RING.seal("13900000000", HERE))
    sealed[position] ^= 1
    with pytest.raises(Unsealable):
        RING.open(bytes(sealed), HERE)


@pytest.mark.parametrize("length", range(34))
def test_something_too_short_does_not_open(length: int) -> None:
    with pytest.raises(Unsealable):
        RING.open(RING.seal("1", HERE)[:length], HERE)


def test_the_newest_key_seals_and_every_key_opens() -> None:
    old, new = fresh_key("old"), fresh_key("new")
    before, during, after = Ring.parse(old), Ring.parse(f"{new},{old}"), Ring.parse(new)
    kept = before.seal("x", HERE)
    assert during.open(kept, HERE) == "x"
    assert not kept.startswith(during.mark)
    anew = during.seal("x", HERE)
    assert anew.startswith(after.mark)
    assert after.open(anew, HERE) == "x"
    with pytest.raises(Unsealable) as refused:
        after.open(kept, HERE)
    assert refused.value.code == "unknown_key"


def test_a_key_is_known_by_what_it_is_and_not_by_its_name() -> None:
    key = fresh_key("one")
    renamed = "other:" + key.partition(":")[2]
    assert Ring.parse(renamed).open(Ring.parse(key).seal("x", HERE), HERE) == "x"


@pytest.mark.parametrize("text", ["", "x", "a:b", "a:" + base64.b64encode(b"short").decode(), ":", "a b:", "a:,b:"])
def test_a_key_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="key") as refused:
        Ring.parse(text)
    assert len(text) < 4 or text not in str(refused.value)


def test_the_same_key_or_name_twice_is_refused() -> None:
    one, other = fresh_key("a"), fresh_key("a")
    for text in (f"{one},{other}", f"{one},b:{one.partition(':')[2]}"):
        with pytest.raises(ValueError, match="each once"):
            Ring.parse(text)


@pytest.mark.parametrize(
    "written",
    [
        "13900000000",
        " 139-0000-0000",
        "+86 139 0000 0000",
        "0086 13900000000",
        "１３９００００００００",
        "86-13900000000",
    ],
)
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    assert normalised(written) == "13900000000"
    assert RING.index(written, "phone") == RING.index("13900000000", "phone")


def test_a_short_number_that_begins_like_the_country_is_left_alone() -> None:
    assert normalised("86123456") == "86123456"
    assert normalised("0411-8612345") == "04118612345"


def test_the_blind_index_tells_nothing_without_the_key() -> None:
    other = Ring.parse(fresh_key("other"))
    assert RING.index("13900000000", "phone") != other.index("13900000000", "phone")
    assert RING.index("13900000000", "phone") != RING.index("13900000000", "elsewhere")
    both = Ring([("other", bytes(range(32))), ("older", bytes(32))])
    assert both.indexes("1", "x") == [both.index("1", "x"), Ring([("older", bytes(32))]).index("1", "x")]
