"""查验码 The code on a form by which anybody asks whether it is genuine: sixteen characters in four groups, such as `7KQM-X4TA-9RWE-52NB`.

Fifteen are drawn at random (74 bits: nobody finds one by trying) and one checks them, as of a report's receipt. Pure.
"""

import re
import secrets
from typing import Final

from backend.errors import Invalid
from backend.intake.receipts import ALPHABET, Chooser, check, grouped, plain

RANDOM_CHARACTERS: Final = 15
LENGTH: Final = RANDOM_CHARACTERS + 1
PATTERN: Final = re.compile(rf"(?:[{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}")


def new_code(chance: Chooser | None = None) -> str:
    """A fresh, unguessable code, grouped for reading aloud."""
    choose = chance.choice if chance is not None else secrets.choice
    body = "".join(choose(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return grouped(body + check(body))


def read_code(typed: str) -> str:
    """The code as `new_code` wrote it, from what somebody typed. Raises Invalid `bad_code`: too short, or mistyped."""
    code = plain(typed)
    if len(code) != LENGTH or set(code) - set(ALPHABET) or check(code[:-1]) != code[-1]:
        zh = f"查验码应为 {LENGTH} 位数字和字母（不用 0、O、1、I、L），请对照文书再输一次。"
        en = f"A code has {LENGTH} digits and letters (without 0, O, 1, I, L): compare it with the document."
        raise Invalid(zh, en, code="bad_code", field="code")
    return grouped(code)
