"""FCM: Google's push service, by firebase-admin (HTTP v1), with a service account of its own.

firebase-admin's asynchronous client fetches its access token synchronously, in the event loop; so the synchronous one is
used, in threads of its own: a slow Google holds up nobody but FCM (I13). It is told not to try again by itself: the outbox
does, after asking whether the notice is still wanted (I4).
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import firebase_admin
from firebase_admin import credentials, exceptions, messaging
from google.auth.exceptions import RefreshError
from requests.adapters import HTTPAdapter

from backend.notify.outward import LONGEST_PAUSE_ASKED_S
from backend.notify.push import CredentialsRefused, Gone, Push
from backend.notify.senders import TryLater, Undeliverable

THREADS = 16
REFUSED = (
    exceptions.UnauthenticatedError,
    exceptions.PermissionDeniedError,
    messaging.ThirdPartyAuthError,
    RefreshError,
)


class Fcm:
    """Sends data messages, which the app itself shows and gives receipts for."""

    def __init__(self, account: Path, *, timeout_s: float = 10.0, url: str | None = None) -> None:
        """account: the service account's JSON file. url: instead of Google's, for tests.

        Raises OSError or ValueError when the file is not there or no such account.
        """
        self.timeout_s = timeout_s
        certificate = credentials.Certificate(str(account))
        self._app = firebase_admin.initialize_app(
            certificate, {"httpTimeout": timeout_s}, name=f"rescue-{uuid4().hex[:8]}"
        )
        _once_only(self._app, url)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="fcm")

    async def push(self, address: Mapping[str, str], push: Push, now: datetime) -> None:  # noqa: ARG002 - Google has its own time
        """See `push.Provider`."""
        message = message_of(address["token"], push)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._send, message)

    def _send(self, message: Any) -> None:
        try:
            messaging.send(message, app=self._app)
        except (messaging.UnregisteredError, messaging.SenderIdMismatchError) as fault:
            raise Gone(type(fault).__name__) from fault
        except REFUSED as fault:
            raise CredentialsRefused(type(fault).__name__) from fault
        except exceptions.InvalidArgumentError as fault:
            raise Undeliverable(f"refused: {fault.code}") from fault
        except exceptions.FirebaseError as fault:
            raise TryLater(f"{type(fault).__name__}: {fault.code}", after_s=_pause_s(fault)) from fault

    async def aclose(self) -> None:
        """Lets go of the threads; what is under way ends by its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(firebase_admin.delete_app, self._app)  # it starts a loop of its own


def _once_only(app: Any, url: str | None) -> None:
    """firebase-admin has no setting for it: its session is given adapters that try once."""
    service = messaging._get_messaging_service(app)
    for prefix in ("http://", "https://", "https://fcm.googleapis.com"):
        service._client.session.mount(prefix, HTTPAdapter(pool_maxsize=THREADS, max_retries=0))
    if url is not None:
        service._fcm_url = url


def message_of(token: str, push: Push) -> Any:
    """Data only, all of it text as FCM wants: what the system shows by itself gives no receipt."""
    data = {name: str(value) for name, value in push.payload.items() if value is not None}
    android = messaging.AndroidConfig(
        priority="high" if push.is_urgent else "normal", ttl=timedelta(seconds=push.ttl_s), collapse_key=push.topic
    )
    message = messaging.Message(data=data, android=android)
    # A registration token is "<installation id>:<more>"; newer apps have the installation id alone.
    setattr(message, "token" if ":" in token else "fid", token)
    return message


def _pause_s(fault: exceptions.FirebaseError) -> float:
    """The pause that the answer asks for in seconds, an hour at most."""
    answer = fault.http_response
    said = answer.headers.get("Retry-After", "") if answer is not None else ""
    return min(float(said), LONGEST_PAUSE_ASKED_S) if said.isascii() and said.isdigit() else 0.0
