"""HTTPS for phones on the local network: a certificate authority of this checkout's own, and a certificate by it.

Begin at `certificate_for`. The authority may only speak for private addresses and this machine's name (RFC 5280 name constraints):
a phone that trusts it trusts it for nothing else. Keys are readable by their owner only and never leave the folder.
"""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PRIVATE: Final = tuple(IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"))
AUTHORITY_FOR: Final = timedelta(days=1825)
# Apple refuses more than 398 days; a month before the end a new one is made.
LEAF_FOR: Final = timedelta(days=390)
RENEWED_BEFORE: Final = timedelta(days=30)
CERTIFICATE, KEY, AUTHORITY = "cert.pem", "key.pem", "ca.pem"
_AUTHORITY_KEY = "ca-key.pem"


def lan_address() -> str | None:
    """This machine's address on the local network, None when there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("10.255.255.255", 1))
        address = str(probe.getsockname()[0])
        return None if address.startswith("127.") or not is_private(address) else address
    return None


def is_private(address: str) -> bool:
    """Whether the authority may speak for it."""
    return any(IPv4Address(address) in network for network in PRIVATE)


def certificate_for(folder: Path, address: str, now: datetime | None = None) -> Path:
    """The folder with a certificate for the address and this machine's names, made or renewed where it is missing."""
    now = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority, signing = _authority(folder, now)
    if not _still_good(folder, address, now):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(folder / KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        leaf = _leaf(key, authority, signing, address, now)
        _write(folder / CERTIFICATE, leaf.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
    return folder


def _still_good(folder: Path, address: str, now: datetime) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except (OSError, ValueError):
        return False
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    is_its = ip_address(address) in names.get_values_for_type(x509.IPAddress)
    return is_its and now < leaf.not_valid_after_utc - RENEWED_BEFORE and (folder / KEY).is_file()


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority of this folder; a new one when there is none or its time is nearly over."""
    with suppress(OSError, ValueError):
        known = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        key = load_pem_private_key((folder / _AUTHORITY_KEY).read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and now + LEAF_FOR < known.not_valid_after_utc:
            return known, key
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"救助圈演示 Rescue Circle demo ({socket.gethostname()})"[:64])
    networks: list[x509.GeneralName] = [x509.IPAddress(network) for network in PRIVATE]
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName("local")]
    made = (
        _builder(name, name, key.public_key(), now, AUTHORITY_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(networks + names, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    for file in (CERTIFICATE, KEY):
        (folder / file).unlink(missing_ok=True)
    _write(folder / _AUTHORITY_KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(folder / AUTHORITY, made.public_bytes(Encoding.PEM))
    return made, key


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    signing: ec.EllipticCurvePrivateKey,
    address: str,
    now: datetime,
) -> x509.Certificate:
    ours: list[x509.GeneralName] = [x509.IPAddress(ip_address(one)) for one in dict.fromkeys((address, "127.0.0.1"))]
    names = x509.SubjectAlternativeName([*ours, x509.DNSName("localhost")])
    return (
        _builder(_name(address), authority.subject, key.public_key(), now, LEAF_FOR)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    begins = now - timedelta(days=1)  # a phone's clock may be behind
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return named.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(now + lasts)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(file: Path, content: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    fresh.replace(file)
