"""Receipt codes: unguessable, readable over the phone, and a slip is noticed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Invalid
from backend.intake.receipts import ALPHABET, RANDOM_CHARACTERS, new_receipt, parse_receipt

receipts = st.integers().map(lambda seed: new_receipt(random.Random(seed)))
places = st.integers(0, RANDOM_CHARACTERS)


def plain(receipt: str) -> str:
    return receipt.replace("-", "")


def test_a_receipt_holds_more_than_fifty_bits_and_no_letter_that_looks_like_another() -> None:
    assert len(ALPHABET) ** RANDOM_CHARACTERS > 2**50
    assert not set("01OIL") & set(ALPHABET)
    assert len(set(ALPHABET)) == 31


def test_a_receipt_is_three_groups_of_four() -> None:
    assert [len(group) for group in new_receipt().split("-")] == [4, 4, 4]
    assert new_receipt() != new_receipt()


@given(receipts)
def test_a_receipt_reads_back(receipt: str) -> None:
    assert parse_receipt(receipt) == receipt


@given(receipts)
def test_case_spaces_and_full_width_do_not_matter(receipt: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in plain(receipt))
    for typed in (
        receipt.lower(),
        f"  {receipt.replace('-', '  ')}\n",
        plain(receipt),
        wide,
        receipt.replace("-", "—"),
    ):
        assert parse_receipt(typed) == receipt


@given(receipts, places, st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_noticed(receipt: str, at: int, other: str) -> None:
    code = plain(receipt)
    wrong = code[:at] + other + code[at + 1 :]
    if wrong != code:
        with pytest.raises(Invalid) as refused:
            parse_receipt(wrong)
        assert refused.value.code == "receipt_mistyped"


@given(receipts, places, places)
def test_every_two_characters_swapped_are_noticed(receipt: str, one: int, other: int) -> None:
    code = list(plain(receipt))
    code[one], code[other] = code[other], code[one]
    if "".join(code) != plain(receipt):
        with pytest.raises(Invalid):
            parse_receipt("".join(code))


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "receipt_length"),
        ("ABC", "receipt_length"),
        ("0BCD-EFGH-JKMN", "receipt_characters"),
        ("中文", "receipt_characters"),
    ],
)
def test_what_cannot_be_a_receipt_is_refused_with_the_reason(typed: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_receipt(typed)
    assert refused.value.code == code


@given(st.text(max_size=30))
def test_whatever_is_typed_gives_a_receipt_or_a_refusal(typed: str) -> None:
    try:
        receipt = parse_receipt(typed)
    except Invalid:
        return
    assert parse_receipt(receipt) == receipt
