"""The doctor's checks of the ways out: what the settings name for pushes and SMS can be used, and is not being refused."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ops.check_services import ANSWER_WITHIN_S
from ops.findings import Finding, Patient, judged, well

LOOSE = 0o077
REFUSED = """
    SELECT DISTINCT way FROM outbox
    WHERE way IN ('web_push', 'fcm', 'jpush', 'sms') AND last_error LIKE 'CredentialsRefused%'
    AND (state = 'waiting' OR ended_at > now() - interval '1 hour') ORDER BY way"""


class ServiceAccount(msgspec.Struct):
    """What has to stand in a service account's file."""

    type: str
    project_id: str
    client_email: str
    private_key: str
    token_uri: str


def check_push(patient: Patient) -> Iterator[Finding]:
    """What each way needs is whole; which ways there are."""
    values = patient.values
    named = {"Web Push": "web_push_key", "FCM": "fcm_account", "JPush": "jpush", "SMS": "sms_url"}
    ways = [name for name, field in named.items() if values.get(field)]
    zh, en = ("、".join(ways) or "无", ", ".join(ways) or "none")
    yield well("push", f"通知渠道：{zh}", f"ways to push: {en}")
    account = values.get("fcm_account")
    if isinstance(account, Path):
        yield _account(account)
    if bool(values.get("sms_url")) != bool(values.get("sms_secret")):
        yield Finding(
            check="push",
            ok=False,
            zh="短信网关只设置了一半，不会发送短信",
            en="the SMS gateway is set up by half: no SMS is sent",
            remedy_zh="RESCUE_SMS_URL 和 RESCUE_SMS_SECRET 须同时设置。",
            remedy_en="set both RESCUE_SMS_URL and RESCUE_SMS_SECRET",
        )


def _account(file: Path) -> Finding:
    trouble = _trouble(file)
    return judged(
        "push",
        trouble is None,
        (f"FCM 服务账号 {file} 可用", f"the service account of FCM, {file}, can be used"),
        (
            "从 Firebase 控制台“服务账号”下载 JSON 私钥，放到 RESCUE_FCM_ACCOUNT 所指位置，权限 600。",
            "download the JSON key from Firebase's console (service accounts) to where RESCUE_FCM_ACCOUNT says, mode 600",
        ),
        (f"FCM 服务账号 {file} 不可用：{trouble}", f"the service account of FCM, {file}, cannot be used: {trouble}"),
    )


def _trouble(file: Path) -> str | None:
    try:
        account = msgspec.json.decode(file.read_bytes(), type=ServiceAccount)
        load_pem_private_key(account.private_key.encode(), None)
        if account.type != "service_account":
            return f"type {account.type}"
        return "mode" if file.stat().st_mode & LOOSE else None
    except (OSError, ValueError, TypeError) as trouble:
        return type(trouble).__name__


def check_refused(patient: Patient) -> Iterator[Finding]:
    """Whether a service has lately refused our key."""
    url = patient.values.get("database_url")
    if isinstance(url, str):
        ways = asyncio.run(_refused(url))
        zh, en = "、".join(ways), ", ".join(ways)
        if ways:
            yield Finding(
                check="refused",
                ok=False,
                zh=f"最近一小时内，推送服务拒绝了本系统的凭证：{zh}",
                en=f"within the last hour our key was refused by: {en}",
                remedy_zh="检查相应的 RESCUE_… 设置（docs/push.md），改后重启后台进程。",
                remedy_en="look at its RESCUE_… setting (docs/push.md), and restart the workers",
            )


async def _refused(url: str) -> list[str]:
    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_WITHIN_S, command_timeout=ANSWER_WITHIN_S)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError):
        return []  # the check of the database says so
    try:
        rows: list[Any] = await connection.fetch(REFUSED)
        return [row["way"] for row in rows]
    except asyncpg.UndefinedTableError:
        return []
    finally:
        await connection.close()
