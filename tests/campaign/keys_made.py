"""Certificates and signed warnings, made here with keys of our own."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import SignatureMethod
from signxml.signer import XMLSigner

from backend.signers import Signers, open_signers

BEGINS = datetime(2016, 1, 1, tzinfo=UTC)
LASTS = timedelta(days=3650)
Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


@cache
def pair(name: str, begins: datetime = BEGINS, lasts: timedelta = LASTS) -> Pair:
    """A key and the certificate that says it is of `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1000).not_valid_before(begins).not_valid_after(begins + lasts)
    return key, made.sign(key, hashes.SHA256())


def sign(content: bytes, by: Pair, *, uri: str | None = None) -> bytes:
    """The warning with an enveloped signature over all of it; uri: over the element of that id instead."""
    key, certificate = by
    signer = XMLSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256)
    signed = signer.sign(etree.fromstring(content), key=key, cert=[certificate], reference_uri=uri)
    return bytes(etree.tostring(signed, xml_declaration=True, encoding="UTF-8"))


def signers(folder: Path, *lines: tuple[str, Pair | list[Pair], str]) -> Signers:
    """A folder of certificates: (of, key pairs, unsigned) each."""
    table = ["of,certificate,unsigned"]
    for number, (of, pairs, unsigned) in enumerate(lines):
        every = pairs if isinstance(pairs, list) else [pairs]
        (folder / f"{number}.pem").write_bytes(b"".join(one[1].public_bytes(Encoding.PEM) for one in every))
        table.append(f"{of},{number}.pem,{unsigned}")
    (folder / "senders.csv").write_text("\n".join(table), encoding="utf-8")
    return open_signers(folder)
