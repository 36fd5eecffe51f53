"""What `rescue demo` tells of the phone app: its address, a QR code of it, and what a phone can do there.

Browsers give a page its position and keep it for work without network only over HTTPS or on the machine itself. `--https` is the
way for real phones: a second API process with a certificate of our own (`ops.local.tls`), reachable from the local network.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import segno
from msgspec import Struct

from backend.errors import Unavailable
from ops.demo_accounts import DemoAccounts
from ops.local import tls

HTTPS_PORT: Final = 8443
OFFICERS_SHOWN: Final = 2
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


class PhoneDoor(Struct, frozen=True, kw_only=True):
    """Where phones come in. given: settings of the process that serves them, empty when it is the same as for screens."""

    url: str
    is_secure: bool
    is_reachable: bool
    given: dict[str, str] = {}


def open_door(folder: Path, host: str, port: int, *, https: bool, https_port: int = HTTPS_PORT) -> PhoneDoor:
    """The address for phones. Raises Unavailable when HTTPS is wanted and this machine is in no local network."""
    address = tls.lan_address()
    if https:
        if address is None:
            raise Unavailable(
                "本机不在局域网内，手机连不上。请先连上手机所在的 Wi-Fi；若要公网访问，请用反向代理。",
                "This machine is in no local network, so no phone reaches it. Join the phones' Wi-Fi; for the internet use a proxy.",
                code="no_network",
            )
        given = {
            "RESCUE_TLS": str(tls.certificate_for(folder / "tls", address)),
            "RESCUE_HOST": "0.0.0.0",  # noqa: S104 - for phones; screens stay on this machine
            "RESCUE_PORT": str(https_port),
        }
        return PhoneDoor(url=f"https://{address}:{https_port}/m/", is_secure=True, is_reachable=True, given=given)
    everywhere = host in EVERYWHERE
    shown = (address or "127.0.0.1") if everywhere else host
    return PhoneDoor(
        url=f"http://{shown}:{port}/m/",
        is_secure=shown == "127.0.0.1",
        is_reachable=everywhere and address is not None,
    )


def told(door: PhoneDoor, accounts: DemoAccounts) -> list[str]:
    """The lines about phones, with the QR code, for the terminal."""
    lines = [f"  手机 Phone               {door.url}", *_qr(door.url)]
    if door.given:
        ca = door.url.removesuffix("m/") + "local-ca.crt"
        lines += [
            f"  首次请先在手机上信任本机证书：打开 {ca} 安装（步骤见 docs/phone.md）",
            f"  First trust our certificate on the phone: open {ca} and install it (steps: docs/phone.md)",
        ]
    elif not door.is_reachable:
        lines += [
            "  只在本机可用；要用真实手机，请运行 rescue demo --https（同一 Wi-Fi）",
            "  On this machine only; for real phones run rescue demo --https (the same Wi-Fi)",
        ]
    elif not door.is_secure:
        lines += [
            "  HTTP 局域网地址上浏览器不提供定位、离线与通知；完整体验请用 rescue demo --https",
            "  Over plain HTTP browsers give no position, no work without network, no notices: rescue demo --https has all",
        ]
    return [*lines, *_people(accounts)]


def _people(accounts: DemoAccounts) -> list[str]:
    """Whom to sign in as on a phone. A team that a person has is left alone by its simulated officer."""
    officers = [one for one in accounts.accounts if one.role == "officer"][:OFFICERS_SHOWN]
    others = [one for role in ("driver", "grid_worker") for one in accounts.accounts if one.role == role]
    names = {"officer": "巡查队员", "driver": "司机", "grid_worker": "网格员"}
    shown = [f"    {names[one.role]} {one.role:<13} {one.login:<12} {one.password}" for one in (*officers, *others)]
    return [
        *shown,
        "    登录某队后，模拟队员即让位；退出登录后交还。 Signed in, the team is yours; signed out, simulated again.",
    ]


def _qr(url: str) -> Sequence[str]:
    drawn = io.StringIO()
    segno.make(url, error="l", micro=False).terminal(out=drawn, compact=True, border=2)
    return ["  " + line for line in drawn.getvalue().rstrip("\n").split("\n")]
