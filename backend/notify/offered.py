"""Which pushes this installation sends: what its settings name a provider for."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from backend.notify.senders import DeviceKind
from backend.settings import WEB_PUSH_KEY_BYTES, Settings


class Offered(Struct, frozen=True, kw_only=True):
    """web_push_key: the VAPID public key in base64url, as browsers take it."""

    web_push_key: str | None = None
    fcm: bool = False
    jpush: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "Offered":
        """What the settings have a provider for."""
        key = settings.web_push_key
        return cls(
            web_push_key=public_key(key) if key is not None else None,
            fcm=settings.fcm_account is not None,
            jpush=settings.jpush is not None,
        )

    @property
    def kinds(self) -> list[DeviceKind]:
        """All that can."""
        has: dict[DeviceKind, bool] = {"web_push": self.web_push_key is not None, "fcm": self.fcm, "jpush": self.jpush}
        return [kind for kind, is_so in has.items() if is_so]


def public_key(private: ec.EllipticCurvePrivateKey) -> str:
    """base64url of the 65 bytes of the point, without padding."""
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def fresh_key() -> str:
    """A new private key as RESCUE_WEB_PUSH_KEY takes it: 32 bytes in base64url, without padding."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(WEB_PUSH_KEY_BYTES)).rstrip(b"=").decode()
