"""Pushing a notice to a device: what is told, and the one way that all push services are used.

Begin at `DeviceSender`, which the outbox gives each message to; a `Provider` is one service (`web_push`, `fcm`, `jpush`).
What is pushed has codes, numbers and ids, nothing personal: services abroad and lock screens read it.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from msgspec import Struct, to_builtins

from backend import metrics
from backend.notify import devices
from backend.notify.devices import Device
from backend.notify.receipts import Told, code_for
from backend.notify.senders import Message, Retry, TryLater, Undeliverable
from backend.office import Office

TOLD: Final = ("kind", "number", "priority", "offer_id", "case_id", "expires_at")
"""What a phone is told of a notice, besides its id and code."""
SHORTEST_TTL_S, USUAL_TTL_S = 15, 3600
AGAIN_WHEN_REFUSED_S = 30.0

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "offer.made": ("有新派遣，请打开应用应答。", "A new offer: open the app and answer."),
    "offer.withdrawn": ("派遣已收回。", "The offer was taken back."),
    "case.assigned": ("已指定你队前往一个案卷，请打开应用。", "Your team has been sent to a case: open the app."),
    "case.taken_off": ("你队的案卷已改派。", "Your team's case was taken off."),
    "case.detailed": ("报告人补充了情况，请打开应用查看。", "The reporter added details: open the app."),
    "case.not_reached": ("有队伍未收到派遣，请联系。", "A team has not been reached: call it."),
    "team.distress": ("有巡查队求助，请立即查看。", "A crew calls for help: look at once."),
    "team.distress_escalated": ("有巡查队求助，尚无人应答！", "A crew calls for help and nobody has answered!"),
    "team.distress_answered": ("指挥中心已收到你队求助。", "The control room has heard your call."),
    "campaign.proposed": ("预警到来，专项行动待批准。", "A warning has come: a campaign waits for leave."),
    "campaign.escalated": ("专项行动待批，尚无人答复！", "A campaign waits for leave and nobody has answered!"),
    "campaign.opened": ("专项行动已启动，请查看。", "A campaign has begun: look at it."),
    "campaign.declined": ("专项行动不予启动。", "The campaign will not be opened."),
    "campaign.upgraded": ("专项行动升级，请查看。", "A campaign was upgraded: look at it."),
    "campaign.downgraded": ("专项行动降级。", "A campaign was downgraded."),
    "campaign.closed": ("专项行动结束。", "A campaign is over."),
    "campaign.called_in": ("专项行动召集你队，请上岗。", "Your team is called in: go on duty."),
    "referral.offered": ("有人员请求转入，请尽快答复。", "Somebody is referred to you: please answer."),
    "referral.escalated": ("转介无人答复，请立即处理！", "A referral that nobody has answered: see to it!"),
    "referral.accepted": ("转介已被接收，可以前往。", "The referral was accepted: go there."),
    "referral.refused": ("转介被拒绝，请另找机构。", "The referral was refused: find another place."),
    "referral.withdrawn": ("转介已取消。", "The referral was taken back."),
    "referral.not_used": ("转介已失效，床位已释放。", "The referral has lapsed; the place is free again."),
    "referral.arrived": ("转介人员已到，请接收并签字。", "They have arrived: receive them and sign."),
    "referral.hand_over_waits": ("人员已到，仍未完成交接！", "They have arrived and are not handed over!"),
    "search.alarm": ("有案卷找不到队伍，请查看。", "No team is found for a case: look at it."),
    "clock.missed": ("有时限已超，请查看。", "A deadline was missed: look at it."),
    "clock.escalated": ("超时已上报，请查看。", "A missed deadline was escalated: look at it."),
}
SOMETHING: Final = ("有新通知，请打开应用查看。", "A new notice: open the app.")


class Push(Struct, frozen=True, kw_only=True):
    """One thing to be shown on a device. payload: what the app reads. words: a sentence for where no app runs, zh and en.

    ttl_s: of no use after so long. topic: a later push with the same one takes its place, where the service can do that.
    """

    payload: dict[str, Any]
    words: tuple[str, str]
    ttl_s: int
    is_urgent: bool
    topic: str


class Gone(Exception):
    """The device is no more, or not ours: nothing is to be sent there again."""


class CredentialsRefused(Exception):
    """The service does not take our key, account or secret: an operator has to look."""


class Provider(Protocol):
    """A push service. Raises Gone, CredentialsRefused, Undeliverable, TryLater, or whatever the network raises."""

    timeout_s: float

    async def push(self, address: Mapping[str, str], push: Push, now: datetime) -> None:
        """Returns when the service has taken it. now: the machine's time."""


class DeviceSender:
    """Sends what goes to devices of one kind. A message's `to` is the device's id."""

    def __init__(self, office: Office, provider: Provider, *, retry: Retry | None = None) -> None:
        self.timeout_s = provider.timeout_s
        # A notice is of use for a minute or two; what is not wanted any more is dropped before each try.
        self.retry = retry or Retry(first_s=2.0, longest_s=60.0, attempts=8)
        self._office, self._provider = office, provider

    async def send(self, message: Message, now: datetime) -> None:
        """Pushes it to the device, if that still is one."""
        device = await devices.find(self._office, UUID(message.to), now)
        if device is None:
            raise Undeliverable("the device is gone")
        try:
            await self._provider.push(device.address, made_for(self._office, device, message), now)
        except Gone as fault:
            await devices.mark_gone(self._office, device.id, str(fault), now)
            raise Undeliverable(f"the device is gone: {fault}") from fault
        except CredentialsRefused as fault:
            credentials_refused(message.way, fault)
            raise TryLater(f"CredentialsRefused: {fault}", after_s=AGAIN_WHEN_REFUSED_S) from fault
        await devices.used(self._office, device.id, now)


def credentials_refused(way: str, fault: object) -> None:
    """Somebody has to look: in the log, and counted for an alert."""
    metrics.CREDENTIALS_REFUSED.labels(way).inc()
    structlog.get_logger("push").error("credentials refused", way=way, said=str(fault)[:200])


def made_for(office: Office, device: Device, message: Message) -> Push:
    """The push of a notice for this device, with the code that its receipt says."""
    said = message.message
    notice_id = UUID(said["notice_id"])
    return Push(
        payload=payload_of(office, notice_id, said, Told("device", device.id)),
        words=words_of(said["kind"]),
        ttl_s=max(SHORTEST_TTL_S, int(said.get("ttl_s", USUAL_TTL_S))),
        is_urgent=bool(said.get("is_urgent")),
        topic=_topic(notice_id, said),
    )


def payload_of(office: Office, notice_id: UUID, said: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """What a phone gets of a notice, by whichever way. Nothing personal."""
    named = {"id": notice_id, "code": code_for(office.ring, notice_id, told), **{name: said.get(name) for name in TOLD}}
    plain: dict[str, Any] = to_builtins(named)
    return plain


def words_of(kind: str) -> tuple[str, str]:
    """What a lock screen says, Chinese and English: the kind of thing, never what or whom it is about."""
    return WORDS.get(kind, SOMETHING)


def _topic(notice_id: UUID, said: Mapping[str, Any]) -> str:
    """That an offer was taken back takes the place of the offer that nobody has seen yet."""
    about = said.get("offer_id") if said["kind"].startswith("offer.") else None
    return base64.urlsafe_b64encode((UUID(about) if about else notice_id).bytes).rstrip(b"=").decode()
