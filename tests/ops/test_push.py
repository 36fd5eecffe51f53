"""Setting up pushes: keys that the setting takes, and a doctor that says what is half done."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import SystemClock
from backend.db import outbox
from backend.ids import new_id
from backend.notify.offered import Offered, fresh_key
from backend.settings import read
from ops import push
from ops.check_push import _refused, check_push
from ops.findings import Finding, Patient
from tests.access.builders import CITY


def examined(folder: Path, **given: str) -> list[Finding]:
    values, faults = read(given)
    assert not [fault for fault in faults if fault.name in given]
    return list(check_push(Patient(given, values, folder)))


def an_account(file: Path, **changes: str) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    said = {"type": "service_account", "project_id": "p", "client_email": "e", "token_uri": "u", "private_key": pem}
    file.write_text(json.dumps(said | changes))
    file.chmod(0o600)
    return file


def test_the_key_that_is_made_is_one_that_the_setting_takes(capsys: pytest.CaptureFixture[str]) -> None:
    push.keys()
    line, public = capsys.readouterr().out.splitlines()
    name, _, value = line.partition("=")
    values, faults = read({name: value})
    assert name not in {fault.name for fault in faults}
    assert len(public.rpartition(" ")[2]) == 87
    assert values["web_push_key"] is not None


def test_the_doctor_says_which_ways_there_are(tmp_path: Path) -> None:
    [none] = examined(tmp_path)
    assert (none.ok, "无" in none.zh) == (True, True)
    account = an_account(tmp_path / "fcm.json")
    found = examined(tmp_path, RESCUE_WEB_PUSH_KEY=fresh_key(), RESCUE_FCM_ACCOUNT=str(account), RESCUE_JPUSH="a:b")
    assert [finding.ok for finding in found] == [True, True]
    assert "Web Push, FCM, JPush" in found[0].en


@pytest.mark.parametrize("wrong", ["missing", "no json", "another type", "no key", "readable by all"])
def test_an_account_that_cannot_be_used_is_named_with_the_remedy(tmp_path: Path, wrong: str) -> None:
    file = an_account(tmp_path / "fcm.json", type="authorized_user" if wrong == "another type" else "service_account")
    if wrong == "missing":
        file.unlink()
    elif wrong == "no json":
        file.write_text("{")
    elif wrong == "no key":
        an_account(file, private_key="x")
    elif wrong == "readable by all":
        file.chmod(0o644)
    (finding,) = [one for one in examined(tmp_path, RESCUE_FCM_ACCOUNT=str(file)) if not one.ok]
    assert "RESCUE_FCM_ACCOUNT" in finding.remedy_zh
    assert "600" in finding.remedy_en


def test_half_a_gateway_is_none(tmp_path: Path) -> None:
    (finding,) = [one for one in examined(tmp_path, RESCUE_SMS_URL="https://sms.example.cn") if not one.ok]
    assert "RESCUE_SMS_SECRET" in finding.remedy_zh


async def test_a_key_that_is_refused_is_found_in_the_outbox(db: AsyncEngine, database_url: str) -> None:
    assert await _refused(database_url) == []
    row = {"city_id": CITY, "to": "x", "message": {}, "created_at": SystemClock().now()}
    async with db.begin() as tx:
        for way, error in (("fcm", "CredentialsRefused: x"), ("jpush", "answered 500"), ("webhook", None)):
            await tx.execute(insert(outbox).values(id=new_id(), way=way, last_error=error, **row))
    assert await _refused(database_url) == ["fcm"]


def test_what_is_not_set_is_not_offered() -> None:
    assert Offered().kinds == []
