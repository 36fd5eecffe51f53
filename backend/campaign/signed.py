"""Whether a warning is signed by who it says it is from (XML Signature, enveloped, as CAP 1.2 has it). Pure. Begin at `check`.

Only what is signed counts: a good signature is one over the whole alert, and what is read afterwards is the signed bytes, nothing that
lies beside or around them (signature wrapping). The certificate is ours, never the one that a warning brings along.
"""

import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import cryptography.exceptions
from cryptography import x509
from lxml import etree
from msgspec import Struct
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from backend.campaign.cap_read import local_name, parse
from backend.errors import Invalid
from backend.signers import Signer, Signers

SignatureState = Literal["none", "unknown_signer", "good", "bad"]
SIGNATURE_WORDS: Final[dict[SignatureState, tuple[str, str]]] = {
    "none": ("没有签名", "not signed"),
    "unknown_signer": (
        "有签名，未配置其证书，未核验",
        "signed, by a certificate that is not configured here: not verified",
    ),
    "good": ("签名有效", "the signature is good"),
    "bad": ("签名无效", "the signature is bad"),
}
# The algorithms themselves do not look at our settings: SHA-1 and anything without a certificate are refused by signxml's defaults.
_ID_NAMES: Final = ("Id", "ID", "id")


class Checked(Struct, frozen=True):
    """What was found. content: what is to be read: of a good one the signed bytes, else the document as it came."""

    state: SignatureState
    content: bytes


def check(content: bytes, sender: str, source: str, signers: Signers, now: datetime) -> Checked:
    """How the document stands. Raises Invalid `bad_signature` or `unsigned` where it must be signed and is not."""
    root = parse(content, as_signed=True)
    is_signed = any(isinstance(one.tag, str) and local_name(one) == "Signature" for one in root)
    signer = signers.of(sender, source)
    if signer is None:
        return Checked("unknown_signer" if is_signed else "none", content)
    if not is_signed:
        if signer.takes_unsigned:
            return Checked("none", content)
        raise Invalid(
            f"“{sender}”的预警必须签名，这一条没有签名，不予采用。",
            f"Warnings of '{sender}' have to be signed; this one is not, and is not acted upon.",
            code="unsigned",
        )
    return Checked("good", _verified(root, signer, sender, now))


def _verified(root: etree._Element, signer: Signer, sender: str, now: datetime) -> bytes:
    """The signed bytes, by one of the signer's certificates."""
    faults: list[str] = []
    for certificate in signer.certificates:
        try:
            return _signed_by(certificate, root, now)
        except (SignXMLException, cryptography.exceptions.InvalidSignature, etree.LxmlError) as fault:
            faults.append(str(fault) or type(fault).__name__)
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as fault:
            faults.append(f"{type(fault).__name__}: {fault}")  # what a made-up signature makes signxml stumble over
    told = _shortly(faults)
    raise Invalid(
        f"“{sender}”的预警签名无效，不予采用（{told}）。",
        f"The signature of this warning of '{sender}' is bad: not acted upon ({told}).",
        code="bad_signature",
    )


def _signed_by(certificate: x509.Certificate, root: etree._Element, now: datetime) -> bytes:
    settings = SignatureConfiguration(
        location="./", expect_references=1, ignore_ambiguous_key_info=True, verification_time=now
    )
    found = XMLVerifier().verify(root, x509_cert=certificate, expect_config=settings)
    if not isinstance(found, VerifyResult) or not _is_over_all(root, found):
        raise SignXMLException("something else than the whole alert is signed")
    return found.signed_data


def _is_over_all(root: etree._Element, found: VerifyResult) -> bool:
    """Whether the reference means the document element, which is the alert."""
    reference = found.signature_xml.find(".//{*}Reference")
    uri = reference.get("URI") if reference is not None else None
    is_root = uri == "" or (uri is not None and uri[1:] in {root.get(name) for name in _ID_NAMES})
    signed = found.signed_xml
    return is_root and signed is not None and local_name(signed) == "alert"


def _shortly(faults: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(fault.partition("\n")[0][:200] for fault in faults))
