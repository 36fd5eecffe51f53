"""Passwords: argon2id, computed in threads of their own so that nobody waits for a stranger's sign-in.

`hash_password` makes what is stored, `check` says whether a password fits and what should be stored instead when the
parameters have been raised since.
"""

import asyncio
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from zxcvbn.matching import RANKED_DICTIONARIES, omnimatch
from zxcvbn.scoring import most_guessable_match_sequence

from backend.errors import Invalid

SHORTEST = 10
LONGEST = 256
# zxcvbn takes no more, and its time grows with the square.
LOOKED_AT = 72
# Online, with the waits of `attempts`, a million guesses are a century; leaked lists and their variations are below that.
FEWEST_GUESSES = 1e6
LEFT_BESIDE_NAMES = 6
HINT = "可用一句容易记住的话。 A sentence that is easy to remember will do."

# RFC 9106, the profile for limited memory: 64 MiB a hash, about 50 ms on one core.
_hasher = PasswordHasher()
# At most this many at once: a flood of sign-ins costs 128 MiB and two cores, not the machine.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


class Verdict(Struct, frozen=True):
    """Whether the password fits; `better_hash` is set when it fits and should be stored anew."""

    fits: bool
    better_hash: str | None = None


async def hash_password(password: str, *, names: Sequence[str] = ()) -> str:
    """What is stored for a new password. names: the login and what else anybody would try first.

    Raises `Invalid` (field `password`): `password_length`, `password_is_a_name`, `password_known`.
    """
    plain = _plain(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise Invalid(
            f"密码至少 {SHORTEST} 个字符，至多 {LONGEST} 个。",
            f"A password has at least {SHORTEST} and at most {LONGEST} characters.",
            code="password_length",
            field="password",
            hint=HINT,
        )
    if _is_little_more_than(plain, names):
        raise Invalid(
            "密码不能主要由登录名、城市名或系统名组成。",
            "A password must not be little more than the login or the name of the city or the system.",
            code="password_is_a_name",
            field="password",
            hint=HINT,
        )
    return await asyncio.get_running_loop().run_in_executor(_threads, _hash_unless_known, plain)


def _hash_unless_known(plain: str) -> str:
    if _guesses(plain[:LOOKED_AT]) < FEWEST_GUESSES:
        raise Invalid(
            "这个密码（或与它几乎相同的）在泄露密码表中，很容易被猜到。",
            "This password, or one almost like it, is in the lists of leaked passwords and is guessed at once.",
            code="password_known",
            field="password",
            hint=HINT,
        )
    return _hasher.hash(plain)


def _guesses(plain: str) -> float:
    """How many guesses find it, by zxcvbn: its lists of frequent passwords, names and words, sequences, repeats, dates."""
    found = omnimatch(plain, dict(RANKED_DICTIONARIES))  # its own function writes into the lists that all threads share
    return float(most_guessable_match_sequence(plain, found)["guesses"])


def _is_little_more_than(plain: str, names: Sequence[str]) -> bool:
    rest = plain.casefold()
    for name in sorted((name.casefold() for name in names), key=len, reverse=True):
        if len(name) >= (2 if not name.isascii() else 3):
            rest = rest.replace(name, "")
    return len(rest) < LEFT_BESIDE_NAMES and len(rest) < len(plain)


async def check(stored: str | None, password: str) -> Verdict:
    """Whether `password` is the one that was stored. Without a stored hash (no such login) it takes as long to say no."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _check, stored, _plain(password)[: LONGEST + 1])


def _check(stored: str | None, plain: str) -> Verdict:
    try:
        _hasher.verify(stored if stored is not None else _nobodys_hash(_hasher), plain)
    except (VerificationError, InvalidHashError):
        return Verdict(fits=False)
    if stored is None:
        return Verdict(fits=False)
    return Verdict(fits=True, better_hash=_hasher.hash(plain) if _hasher.check_needs_rehash(stored) else None)


@cache
def _nobodys_hash(hasher: PasswordHasher) -> str:
    return hasher.hash("nobody has this password")


def _plain(password: str) -> str:
    """One form for what looks the same, whichever keyboard typed it (NIST SP 800-63B, NFKC)."""
    return unicodedata.normalize("NFKC", password)
