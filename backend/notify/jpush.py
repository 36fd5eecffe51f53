"""JPush 极光推送: the push service that reaches phones in mainland China, by its REST API v3.

Our own client of one request: JPush's Python library blocks (docs/decisions/1101-push.md). A notification with the notice
in its `extras`: where the app does not run, the phone maker's own channel shows it, and that takes no other kind.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import msgspec

from backend.notify.outward import LONGEST_PAUSE_ASKED_S, outward_client, try_later
from backend.notify.push import CredentialsRefused, Gone, Push
from backend.notify.senders import TryLater, Undeliverable

URL = "https://api.jpush.cn/v3/push"
NO_SUCH_DEVICE = frozenset({1011})
"""No registration id of those given is known (any more)."""
LONGEST_ANSWER_BYTES = 10_000


class JPush:
    """One app of JPush's. key, secret: AppKey and Master Secret."""

    def __init__(self, key: str, secret: str, *, timeout_s: float = 10.0, url: str = URL) -> None:
        """url: JPush's, or that of its other data centre."""
        self.timeout_s = timeout_s
        self._url = url
        self._client = outward_client(timeout_s, auth=httpx.BasicAuth(key, secret))

    async def push(self, address: Mapping[str, str], push: Push, now: datetime) -> None:  # noqa: ARG002 - JPush has its own time
        """See `push.Provider`."""
        body = msgspec.json.encode(body_of(address["token"], push))
        answer = await self._client.post(self._url, content=body, headers={"Content-Type": "application/json"})
        if not answer.is_success:
            raise fault_of(answer)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def body_of(registration_id: str, push: Push) -> dict[str, Any]:
    """What is posted. `extras` are texts."""
    extras = {name: str(value) for name, value in push.payload.items() if value is not None}
    alert = " ".join(push.words)
    return {
        "platform": ["android", "ios"],
        "audience": {"registration_id": [registration_id]},
        "notification": {
            "alert": alert,
            "android": {"alert": alert, "extras": extras, "priority": 2 if push.is_urgent else 0},
            "ios": {"alert": alert, "extras": extras, "sound": "default"},
        },
        "options": {"time_to_live": push.ttl_s, "apns_production": True, "apns_collapse_id": push.topic},
    }


def fault_of(answer: httpx.Response) -> Exception:
    """What an answer other than 200 means. JPush's own code is in `error.code`."""
    code = _code(answer)
    reason = f"answered {answer.status_code}, code {code}"
    if code in NO_SUCH_DEVICE:
        return Gone(reason)
    if answer.status_code in (401, 403):
        return CredentialsRefused(reason)
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        pause = answer.headers.get("X-Rate-Limit-Reset", "") or answer.headers.get("Retry-After", "")
        after_s = float(pause) if pause.isascii() and pause.isdigit() else 0.0
        return TryLater(reason, after_s=min(after_s, LONGEST_PAUSE_ASKED_S))
    return Undeliverable(reason) if answer.is_client_error else try_later(answer, reason)


def _code(answer: httpx.Response) -> int | None:
    try:
        said = msgspec.json.decode(answer.content[:LONGEST_ANSWER_BYTES], type=dict[str, Any])
        code = said["error"]["code"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return code if isinstance(code, int) else None
