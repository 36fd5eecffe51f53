"""HTTPS for phones: a certificate that a phone accepts once it trusts our authority, and an authority that can speak for little else."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from backend.errors import Unavailable
from ops import demo_phone
from ops.demo_accounts import DemoAccount, DemoAccounts
from ops.local import tls

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
WIFI = "192.168.31.7"


async def _is_trusted(folder: Path, name: str) -> bool:
    """Whether a client that trusts the authority believes the server of this folder to be `name`."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / tls.CERTIFICATE, folder / tls.KEY)
    asking = ssl.create_default_context(cafile=str(folder / tls.AUTHORITY))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=asking, server_hostname=name)
        writer.close()
    except ssl.SSLCertVerificationError:
        return False
    finally:
        server.close()
    return True


async def test_a_phone_that_trusts_the_authority_trusts_the_address_and_no_other(tmp_path: Path) -> None:
    folder = tls.certificate_for(tmp_path / "tls", WIFI)
    assert await _is_trusted(folder, WIFI)
    assert await _is_trusted(folder, "localhost")
    assert not await _is_trusted(folder, "192.168.31.8")


@pytest.mark.parametrize("elsewhere", ["8.8.8.8", "203.0.113.5"])
async def test_the_authority_cannot_speak_for_the_internet(elsewhere: str, tmp_path: Path) -> None:
    folder = tls.certificate_for(tmp_path / "tls", elsewhere)
    assert not await _is_trusted(folder, elsewhere), "it is made, and no phone believes it"


def test_it_is_renewed_before_its_end_and_when_the_address_changes_by_the_same_authority(tmp_path: Path) -> None:
    folder = tls.certificate_for(tmp_path, WIFI, NOW)
    first, authority = (folder / tls.CERTIFICATE).read_bytes(), (folder / tls.AUTHORITY).read_bytes()
    tls.certificate_for(tmp_path, WIFI, NOW + timedelta(days=300))
    assert (folder / tls.CERTIFICATE).read_bytes() == first
    tls.certificate_for(tmp_path, WIFI, NOW + timedelta(days=370))
    second = (folder / tls.CERTIFICATE).read_bytes()
    tls.certificate_for(tmp_path, "10.0.0.4", NOW + timedelta(days=371))
    assert len({first, second, (folder / tls.CERTIFICATE).read_bytes()}) == 3
    assert (folder / tls.AUTHORITY).read_bytes() == authority, "trusted once"
    leaf = x509.load_pem_x509_certificate(second)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(days=398), "or Apple refuses it"


def test_keys_are_their_owner_s_alone(tmp_path: Path) -> None:
    folder = tls.certificate_for(tmp_path / "tls", WIFI, NOW)
    assert {file.stat().st_mode & 0o77 for file in folder.iterdir()} == {0}
    assert folder.stat().st_mode & 0o77 == 0


def _accounts() -> DemoAccounts:
    roles = {"t01": "officer", "t02": "officer", "t03": "officer", "driver": "driver", "grid": "grid_worker"}
    made = [DemoAccount(login=login, password=f"pass-{login}", name=login, role=role) for login, role in roles.items()]
    return DemoAccounts(accounts=made)


@pytest.mark.parametrize(
    ("host", "https", "url", "says"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:8080/m/", "rescue demo --https"),
        ("0.0.0.0", False, f"http://{WIFI}:8080/m/", "不提供定位"),
        ("127.0.0.1", True, f"https://{WIFI}:8443/m/", f"https://{WIFI}:8443/local-ca.crt"),
    ],
)
def test_the_demonstration_says_how_a_phone_gets_in(
    host: str, https: bool, url: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "lan_address", lambda: WIFI)
    door = demo_phone.open_door(tmp_path, host, 8080, https=https)
    text = "\n".join(demo_phone.told(door, _accounts()))
    assert door.url == url
    assert says in text
    assert "▄" in text or "█" in text, "a QR code"
    assert all(login in text for login in ("t01", "t02", "driver", "grid"))
    assert "t03" not in text


def test_without_a_local_network_https_for_phones_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "lan_address", lambda: None)
    with pytest.raises(Unavailable, match="局域网"):
        demo_phone.open_door(tmp_path, "127.0.0.1", 8080, https=True)
