"""The second factor: one-time codes by time (TOTP, RFC 6238) from a phone that holds a secret shared with us.

`begin` makes the secret, `confirm` proves that the phone has it; only then does it count. `use` takes a code at sign-in: of
the time step now, the one before or the one after, each once; or one of ten recovery codes, each once. The secret is
sealed in the database, the recovery codes are hashed. A lost phone: a recovery code, else `reset` by an administrator.
`now` is the machine's time.
"""

import hashlib
import re
import secrets
import string
from datetime import datetime
from typing import Any
from uuid import UUID

import pyotp
from msgspec import Struct
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import ARRAY, LargeBinary, cast, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access import accounts as people
from backend.access.actor import Actor
from backend.access.sessions import end_sessions, forget
from backend.db import accounts
from backend.errors import Conflict, Invalid, NotAllowed
from backend.office import Office

ISSUER = "救助圈 Rescue Circle"
DRIFT_STEPS = 1
RECOVERY_CODES = 10
# 80 bits each: a fast hash is enough, nobody guesses them.
RECOVERY_LETTERS = 16
_ALPHABET = string.ascii_lowercase[:24] + "23456789"


class Enrolment(Struct, frozen=True, kw_only=True):
    """What the person's app is given once, typed or as a QR code of `uri` (otpauth://)."""

    secret: str
    uri: str


class RecoveryCodes(Struct, frozen=True, kw_only=True):
    """To be kept on paper; each opens once in place of a code. Shown this once."""

    codes: list[str]


async def begin(office: Office, password: str, *, by: Actor, now: datetime) -> Enrolment:
    """A fresh secret for the one who asks, in place of one not yet confirmed.

    Raises NotAllowed, Invalid `wrong_password`, TooMany `locked_out`, Conflict `second_factor_is_set`.
    """
    account_id = _own(by)
    await people.demand_own_password(office, account_id, password, now)
    secret = pyotp.random_base32()
    sealed = office.ring.seal(secret, about(account_id))
    unset = people.is_account(office, account_id) & accounts.c.totp_confirmed_at.is_(None)
    async with office.db.begin() as tx:
        values = {"totp_sealed": sealed, "totp_last_step": None}
        login = await tx.scalar(update(accounts).where(unset).values(**values).returning(accounts.c.login))
    if login is None:
        raise _is_set()
    return Enrolment(secret=secret, uri=pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER))


async def confirm(office: Office, code: str, *, by: Actor, now: datetime) -> RecoveryCodes:
    """The phone shows the right code: from now on the second factor counts, and the other sessions end.

    Raises NotAllowed, Conflict `second_factor_is_set` or `second_factor_not_begun`, Invalid `wrong_code`.
    """
    account_id = _own(by)
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    async with office.begin() as tx:
        account = await people.lock(tx, office, account_id)
        if account.second_factor:
            raise _is_set()
        sealed = await tx.scalar(select(accounts.c.totp_sealed).where(people.is_account(office, account_id)))
        if sealed is None:
            raise Conflict("请先获取绑定密钥。", "Ask for a secret first.", code="second_factor_not_begun")
        step = _step(office, account_id, sealed, code, now)
        if step is None:
            raise _wrong_code()
        values = {
            "totp_confirmed_at": now,
            "totp_last_step": step,
            "recovery_hashes": [_digest(code) for code in codes],
        }
        await tx.execute(update(accounts).where(people.is_account(office, account_id)).values(**values))
        ended = await end_sessions(tx, office, account_id, "second_factor", by=by, now=now, keep=by.session_id)
        await people.tell(tx, office, "account.changed", account, by=by, now=now, also=ended, changed=["second_factor"])
    forget(account_id=account_id)
    return RecoveryCodes(codes=codes)


async def reset(office: Office, account_id: UUID, *, by: Actor, now: datetime) -> None:
    """A lost phone: the second factor is gone, all sessions end, no device is known. Twice is once.

    Raises NotFound, NotAllowed, Conflict `own_account`: a session left open must not take it off.
    """
    async with office.begin() as tx:
        account = await people.lock(tx, office, account_id)
        people.demand_may_write(office, by, account)
        if by.id == str(account_id):
            raise Conflict(
                "不能解除自己的动态口令，请由另一位管理员操作。",
                "You cannot take off your own second factor; another administrator has to.",
                code="own_account",
            )
        gone: dict[str, Any] = {
            "totp_sealed": None,
            "totp_confirmed_at": None,
            "totp_last_step": None,
            "recovery_hashes": [],
        }
        await tx.execute(update(accounts).where(people.is_account(office, account_id)).values(**gone))
        await people.forget_devices(tx, office, account_id)
        ended = await end_sessions(tx, office, account_id, "second_factor", by=by, now=now)
        if account.second_factor:
            await people.tell(
                tx, office, "account.changed", account, by=by, now=now, also=ended, changed=["second_factor"]
            )
    forget(account_id=account_id)


async def use(tx: AsyncConnection, office: Office, account: Any, code: str, now: datetime) -> str | None:
    """Inside sign-in: takes the code of an account's row. "code" or "recovery", None when it is wrong or was used."""
    mine = people.is_account(office, account.id)
    plain = _plain(code)
    step = _step(office, account.id, account.totp_sealed, plain, now)
    if step is not None:
        last = accounts.c.totp_last_step
        used = update(accounts).where(mine, or_(last.is_(None), last < step)).values(totp_last_step=step)
        return "code" if (await tx.execute(used)).rowcount else None
    hashed = _digest(plain)
    codes = accounts.c.recovery_hashes
    unused = codes.bool_op("@>")(cast([hashed], ARRAY(LargeBinary)))
    used = update(accounts).where(mine, unused).values(recovery_hashes=func.array_remove(codes, hashed))
    return "recovery" if (await tx.execute(used)).rowcount else None


def about(account_id: UUID) -> str:
    """What the sealed secret is bound to."""
    return f"accounts.totp:{account_id}"


def _step(office: Office, account_id: UUID, sealed: bytes, code: str, now: datetime) -> int | None:
    """The time step whose code it is; None when it is none of now, before or after."""
    if not re.fullmatch(r"[0-9]{6}", _plain(code)):
        return None
    totp = pyotp.TOTP(office.ring.open(sealed, about(account_id)))
    try:
        return totp.verify_and_get_timecode(_plain(code), for_time=now, valid_window=DRIFT_STEPS)
    except OTPVerificationError:
        return None


def _own(by: Actor) -> UUID:
    if by.kind != "account":
        raise NotAllowed("请先登录。", "Sign in first.")
    return UUID(by.id)


def _recovery_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(RECOVERY_LETTERS))
    return "-".join(letters[n : n + 4] for n in range(0, RECOVERY_LETTERS, 4))


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _digest(code: str) -> bytes:
    return hashlib.sha256(_plain(code).encode()).digest()


def _is_set() -> Conflict:
    return Conflict(
        "已绑定动态口令；更换手机请由管理员先解除。",
        "The second factor is set up already; for another phone an administrator takes it off first.",
        code="second_factor_is_set",
    )


def _wrong_code() -> Invalid:
    return Invalid(
        "动态口令不对，请核对手机时间后再试。",
        "The code is wrong; check the phone's clock and try again.",
        code="wrong_code",
        field="code",
    )
