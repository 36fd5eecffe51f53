"""SMS: through a gateway of the city's own choice, asked by one signed POST (docs/push.md has it in full).

What is sent is a sentence without anything personal; the number is the duty phone of an account, sealed in the outbox until
here, and stands in no log.
"""

from datetime import datetime

import httpx
import msgspec

from backend.notify.outward import outward_client, try_later
from backend.notify.push import credentials_refused
from backend.notify.senders import Message, Retry, TryLater, Undeliverable
from backend.notify.webhook import DELIVERY, SIGNATURE, sign

AGAIN_WHEN_REFUSED_S = 30.0
NOT_NOW = frozenset({408, 425, 429})


class SmsSender:
    """Posts to the gateway. It is the operator's own: any address that they name may be asked."""

    def __init__(self, url: str, secret: str, *, timeout_s: float = 10.0, retry: Retry | None = None) -> None:
        self.timeout_s = timeout_s
        self.retry = retry or Retry(first_s=5.0, longest_s=30.0, attempts=4)
        self._url, self._secret = url, secret
        self._client = outward_client(timeout_s)

    async def send(self, message: Message, now: datetime) -> None:
        """POST it. Raises Undeliverable, TryLater, or what the network raises."""
        body = msgspec.json.encode({"id": message.id, "to": message.to, "text": message.message["text"]})
        headers = {
            "Content-Type": "application/json",
            DELIVERY: str(message.id),
            SIGNATURE: sign(self._secret, body, int(now.timestamp())),
        }
        request = self._client.build_request("POST", self._url, content=body, headers=headers)
        answer = await self._client.send(request, stream=True)
        await answer.aclose()
        _judge(answer)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _judge(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    reason = f"answered {answer.status_code}"
    if answer.status_code in (401, 403):
        credentials_refused("sms", reason)
        raise TryLater(f"CredentialsRefused: {reason}", after_s=AGAIN_WHEN_REFUSED_S)
    if answer.is_client_error and answer.status_code not in NOT_NOW:
        raise Undeliverable(reason)
    raise try_later(answer, reason)
