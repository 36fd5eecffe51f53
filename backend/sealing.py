"""Sealing what is personal: a ring of keys, of which the newest seals and every one opens.

Begin at `Ring`. Sealed with AES-256-GCM (`cryptography`); what a text is about, such as
`sighting_contacts.phone:<sighting id>`, is bound to it, so that a sealed text moved to another row or column does not
open. Pure: no clock, no database. Which fields are sealed, and how keys change: docs/privacy.md,
docs/decisions/0601-sealed-at-rest.md.
"""

import base64
import binascii
import hmac
import os
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.errors import Unavailable

KEY_BYTES: Final = 32
FORMAT: Final = b"\x01"
"""The first byte of whatever is sealed: this way of sealing. Then key id (4), nonce (12), ciphertext, tag (16)."""
ID_BYTES: Final = 4
NONCE_BYTES: Final = 12
OVERHEAD_BYTES: Final = len(FORMAT) + ID_BYTES + NONCE_BYTES + 16
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_NOT_OF_A_NUMBER: Final = re.compile(r"[^0-9]")


class Unsealable(Unavailable):
    """A sealed text that does not open: its key is not in the ring, it is damaged, or it belongs elsewhere."""


class Key(NamedTuple):
    """One key of the ring. id: how what it sealed says which key opens it; derived, so that a new name changes nothing."""

    name: str
    id: bytes
    sealing: AESGCM
    indexing: bytes


class Ring:
    """Keys, newest first: the first seals, all open. Raises ValueError when there is none or two are the same."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """keys: (name, 32 bytes)."""
        self.keys = tuple(_key(name, secret) for name, secret in keys)
        self._by_id = {key.id: key for key in self.keys}
        if not self.keys or len(self._by_id) < len(self.keys) or len({key.name for key in self.keys}) < len(self.keys):
            raise ValueError("a ring needs keys, each once")

    @classmethod
    def parse(cls, text: str) -> "Ring":
        """`name:base64,name:base64`, newest first; each 32 bytes. Raises ValueError, never with a key in it."""
        keys = []
        for part in text.split(","):
            name, _, encoded = part.strip().partition(":")
            if not _NAME.fullmatch(name):
                raise ValueError("a key needs a name")
            keys.append((name, _decoded(encoded)))
        return cls(keys)

    @property
    def newest(self) -> Key:
        """The key that seals."""
        return self.keys[0]

    @property
    def mark(self) -> bytes:
        """How everything begins that the newest key sealed; what begins otherwise is to be sealed anew."""
        return FORMAT + self.newest.id

    def seal(self, plain: str, about: str) -> bytes:
        """The text sealed by the newest key. Its length shows; nothing else does."""
        return self.seal_bytes(plain.encode(), about)

    def open(self, sealed: bytes, about: str) -> str:
        """The text. Raises Unsealable."""
        return self.open_bytes(sealed, about).decode()

    def seal_bytes(self, plain: bytes, about: str) -> bytes:
        """As `seal`, for a file: `OVERHEAD_BYTES` longer than what it was."""
        nonce = os.urandom(NONCE_BYTES)
        return self.mark + nonce + self.newest.sealing.encrypt(nonce, plain, about.encode())

    def open_bytes(self, sealed: bytes, about: str) -> bytes:
        """What was sealed. Raises Unsealable."""
        key = self.key_of(sealed)
        start = len(FORMAT) + ID_BYTES
        try:
            nonce, body = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
            return key.sealing.decrypt(nonce, body, about.encode())
        except (InvalidTag, ValueError) as error:
            raise _unsealable("damaged_seal") from error

    def key_of(self, sealed: bytes) -> Key:
        """The key that sealed it. Raises Unsealable when it is not in the ring."""
        key = self._by_id.get(bytes(sealed[len(FORMAT) : len(FORMAT) + ID_BYTES]))
        if key is None or sealed[: len(FORMAT)] != FORMAT:
            raise _unsealable("unknown_key")
        return key

    def index(self, value: str, about: str) -> bytes:
        """The blind index of a number under the newest key: what is stored beside the sealed number to find it by."""
        return _index(self.newest, value, about)

    def digests(self, value: bytes, about: str) -> list[bytes]:
        """A keyed digest under every key, the newest first: to see whether something is the same again."""
        return [hmac.digest(key.indexing, about.encode() + b"\x00" + value, "sha256") for key in self.keys]

    def pseudonym(self, value: bytes, about: str) -> bytes:
        """What stands for something while people are counted: a keyed digest under the newest key, never to be stored."""
        return hmac.digest(self.newest.indexing, about.encode() + b"\x00" + value, "sha256")

    def indexes(self, value: str, about: str) -> list[bytes]:
        """The blind index under every key: what to look for while rows wait to be sealed anew."""
        return [_index(key, value, about) for key in self.keys]


def fresh_key(name: str) -> str:
    """A new key as the setting takes it, `name:base64`."""
    return f"{name}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def normalised(number: str) -> str:
    """A phone number as it is compared: half-width digits only, without +86, 0086 or punctuation. May be empty."""
    plain = _NOT_OF_A_NUMBER.sub("", unicodedata.normalize("NFKC", number))
    for prefix in ("0086", "86"):
        if plain.startswith(prefix) and len(plain) - len(prefix) >= 10:
            return plain.removeprefix(prefix)
    return plain


def _key(name: str, secret: bytes) -> Key:
    if len(secret) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return Key(
        name,
        _derived(secret, b"rescue key id")[:ID_BYTES],
        AESGCM(_derived(secret, b"rescue sealing")),
        _derived(secret, b"rescue blind index"),
    )


def _derived(secret: bytes, use: bytes) -> bytes:
    """A key for one use only: who learns one learns nothing of the others."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=use).derive(secret)


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("a key is 32 bytes in base64") from None


def _index(key: Key, value: str, about: str) -> bytes:
    return hmac.digest(key.indexing, about.encode() + b"\x00" + normalised(value).encode(), "sha256")


def _unsealable(code: str) -> Unsealable:
    return Unsealable(
        "加密内容无法解开：密钥不在 RESCUE_PERSONAL_KEYS 中，或内容已损坏。请联系管理员。",
        "Sealed content does not open: its key is not in RESCUE_PERSONAL_KEYS, or it is damaged. Tell the administrator.",
        code=code,
    )
