"""Receipt codes 回执码: what an anonymous reporter keeps to ask later how it went.

Twelve characters in three groups, such as `7KQM-X4TA-9RWE`: eleven drawn at random (54 bits) and one that checks them. No
0, O, 1, I or L, which people mix up on paper and on the phone. The 31 characters left are a prime number, so the
weighted sum catches every single wrong character and every two that were swapped.
"""

import secrets
import unicodedata
from typing import Final, Protocol

from backend.errors import Invalid

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RANDOM_CHARACTERS: Final = 11
_GROUP: Final = 4
_IGNORED: Final = frozenset(" -‐‑‒–—―_.,·、，。:：/")
_MIXED_UP: Final = frozenset("01OIL")


class Chooser(Protocol):
    """Where chance comes from; `secrets` unless a test says otherwise."""

    def choice(self, seq: str, /) -> str: ...


def new_receipt(chance: Chooser | None = None) -> str:
    """A fresh, unguessable receipt code, grouped for reading aloud."""
    choose = chance.choice if chance is not None else secrets.choice
    body = "".join(choose(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return grouped(body + check(body))


def parse_receipt(typed: str) -> str:
    """The code as `new_receipt` wrote it, from what somebody typed: any case, spaces, dashes, full-width characters.

    Raises Invalid, saying whether it is too short, has characters that no receipt has, or was mistyped.
    """
    code = plain(typed)
    if wrong := sorted({c for c in code if c not in ALPHABET}):
        raise _unreadable(wrong)
    length = RANDOM_CHARACTERS + 1
    if len(code) != length:
        zh, en = (
            f"回执码应为 {length} 位，现为 {len(code)} 位。",
            f"A receipt has {length} characters, this has {len(code)}.",
        )
        raise Invalid(zh, en, code="receipt_length", field="receipt")
    if check(code[:-1]) != code[-1]:
        zh, en = "回执码有误，请对照原件再输一次。", "The receipt is mistyped: compare it with the original."
        raise Invalid(zh, en, code="receipt_mistyped", field="receipt")
    return grouped(code)


def plain(typed: str) -> str:
    """What somebody typed, without spaces and dashes, in capitals."""
    wide = unicodedata.normalize("NFKC", typed).upper()
    return "".join(c for c in wide if not c.isspace() and c not in _IGNORED)


def check(body: str) -> str:
    """The character that checks the others; up to 29 of them."""
    total = sum((place + 1) * ALPHABET.index(c) for place, c in enumerate(body))
    # the check character's own weight is one more than the last one's, w: solve total + w x = 0 (mod 31)
    prime = len(ALPHABET)
    return ALPHABET[-total * pow(len(body) + 1, -1, prime) % prime]


def grouped(code: str) -> str:
    """By fours, for reading aloud."""
    return "-".join(code[n : n + _GROUP] for n in range(0, len(code), _GROUP))


def _unreadable(wrong: list[str]) -> Invalid:
    shown = " ".join(wrong)
    if _MIXED_UP.intersection(wrong):
        zh = f"回执码里没有 {shown}（不用 0、O、1、I、L），请再看一下原件。"
        en = f"No receipt has {shown} (0, O, 1, I and L are not used): look at the original again."
    else:
        zh, en = f"回执码只有数字和字母，没有 {shown}。", f"A receipt has digits and letters only, not {shown}."
    return Invalid(zh, en, code="receipt_characters", field="receipt")
