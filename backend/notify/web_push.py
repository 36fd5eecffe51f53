"""Web Push: to a browser's push service, encrypted for that browser alone (RFC 8291), as ourselves (VAPID, RFC 8292).

The address comes from outside: `outward` says where it may lead. Encrypting and signing are http-ece and py-vapid, the two
halves of pywebpush; its third, sending, would block or look a name up twice.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import http_ece
import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import jwt

from backend.notify.devices import base64url
from backend.notify.offered import public_key
from backend.notify.outward import Network, Outward, outward_client, try_later
from backend.notify.push import CredentialsRefused, Gone, Push
from backend.notify.senders import Undeliverable

SIGNED_FOR = timedelta(hours=12)
"""A service takes 24 hours at most; the same signature serves an origin for half of its time."""
MOST_ORIGINS = 1_000


class WebPush:
    """Sends by whatever service a browser names. key: ours, whose public half browsers subscribed with."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        *,
        contact: str,
        allowed_networks: Sequence[Network] = (),
        timeout_s: float = 10.0,
    ) -> None:
        """contact: `mailto:` or `https:`, for the service's operators. allowed_networks: see RESCUE_PUSH_NETWORKS."""
        self.timeout_s = timeout_s
        self._key, self._contact = key, contact
        self._public = public_key(key)
        self._client = outward_client(timeout_s)
        self._outward = Outward(self._client, allowed_networks)
        self._signed: dict[str, tuple[datetime, str]] = {}

    async def push(self, address: Mapping[str, str], push: Push, now: datetime) -> None:
        """See `push.Provider`."""
        endpoint = httpx.URL(address["endpoint"])
        headers = {
            "Authorization": self._authorization(endpoint, now),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(push.ttl_s),
            "Urgency": "high" if push.is_urgent else "normal",
            "Topic": push.topic,
        }
        body = encrypted(msgspec.json.encode(push.payload), address["p256dh"], address["auth"])
        judge(await self._outward.post(endpoint, body, headers))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def _authorization(self, endpoint: httpx.URL, now: datetime) -> str:
        origin = f"{endpoint.scheme}://{endpoint.netloc.decode()}"
        until, signed = self._signed.get(origin, (now, ""))
        if until <= now:
            claims = {"aud": origin, "exp": int((now + SIGNED_FOR).timestamp()), "sub": self._contact}
            signed = f"vapid t={jwt.sign(claims, self._key)},k={self._public}"
            if len(self._signed) >= MOST_ORIGINS:
                self._signed.clear()
            self._signed[origin] = (now + SIGNED_FOR / 2, signed)
        return signed


def encrypted(plain: bytes, p256dh: str, auth: str) -> bytes:
    """The body for the browser that has the private half of `p256dh`: with a key pair and salt of its own each time."""
    body: bytes = http_ece.encrypt(
        plain,
        salt=os.urandom(16),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=base64url(p256dh),
        auth_secret=base64url(auth),
        version="aes128gcm",
    )
    return body


def judge(answer: httpx.Response) -> None:
    """Raises unless the service took it."""
    code = answer.status_code
    if answer.is_success:
        return
    if code in (404, 410):
        raise Gone(f"answered {code}")
    if code in (401, 403):
        raise CredentialsRefused(f"answered {code}")
    if answer.is_client_error and code not in (408, 425, 429):
        raise Undeliverable(f"answered {code}")
    raise try_later(answer, f"answered {code}")
