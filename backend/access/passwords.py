"""Passwords: argon2id, computed in threads of their own so that nobody waits for a stranger's sign-in.

`hash_password` makes what is stored, `check` says whether a password fits and what should be stored instead when the
parameters have been raised since.
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from backend.errors import Invalid

SHORTEST = 10
LONGEST = 256

# RFC 9106, the profile for limited memory: 64 MiB a hash, about 50 ms on one core.
_hasher = PasswordHasher()
# At most this many at once: a flood of sign-ins costs 128 MiB and two cores, not the machine.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


class Verdict(Struct, frozen=True):
    """Whether the password fits; `better_hash` is set when it fits and should be stored anew."""

    fits: bool
    better_hash: str | None = None


async def hash_password(password: str) -> str:
    """What is stored for a password. Raises `Invalid` (field `password`) when it is shorter than 10 characters."""
    plain = _plain(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise Invalid(
            f"密码至少 {SHORTEST} 个字符，至多 {LONGEST} 个。",
            f"A password has at least {SHORTEST} and at most {LONGEST} characters.",
            code="password_length",
            field="password",
            hint="可用一句容易记住的话。 A sentence that is easy to remember will do.",
        )
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, plain)


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
