"""The ways out of this installation: a sender for each that its settings name. Begin at `senders_of`."""

from pathlib import Path
from uuid import UUID

from backend.access import keys
from backend.clock import SystemClock
from backend.notify.fcm import Fcm
from backend.notify.jpush import JPush
from backend.notify.push import DeviceSender, Provider, credentials_refused
from backend.notify.senders import Sender, Way
from backend.notify.sms import SmsSender
from backend.notify.web_push import WebPush
from backend.notify.webhook import Target, WebhookSender
from backend.office import Office
from backend.settings import Settings


def senders_of(office: Office, settings: Settings) -> dict[Way, Sender]:
    """One for each way that is set up. A service account that cannot be read costs FCM and nothing else."""
    found: dict[Way, Sender] = {"webhook": webhook_sender(office, settings)}
    found |= {way: DeviceSender(office, provider) for way, provider in _providers(settings).items()}
    if settings.sms_url is not None and settings.sms_secret is not None:
        found["sms"] = SmsSender(settings.sms_url, settings.sms_secret)
    return found


def _providers(settings: Settings) -> dict[Way, Provider]:
    found: dict[Way, Provider] = {}
    if settings.web_push_key is not None:
        found["web_push"] = WebPush(
            settings.web_push_key, contact=settings.web_push_contact, allowed_networks=settings.push_networks
        )
    if settings.jpush is not None:
        found["jpush"] = JPush(*settings.jpush)
    if settings.fcm_account is not None and (fcm := _fcm(settings.fcm_account)) is not None:
        found["fcm"] = fcm
    return found


def _fcm(account: Path) -> Fcm | None:
    try:
        return Fcm(account)
    except (OSError, ValueError) as fault:
        credentials_refused("fcm", fault)
        return None


def webhook_sender(office: Office, settings: Settings) -> WebhookSender:
    """The way to partners: each message goes to the address its key names, signed with that key's secret."""

    real = SystemClock()

    async def find(key_id: str) -> Target | None:
        webhook = await keys.find_webhook(office, UUID(key_id), secret_key=settings.secret_key, now=real.now())
        return Target(webhook.url, webhook.secret, webhook.old_secret) if webhook else None

    return WebhookSender(find, allowed_networks=settings.webhook_networks)
