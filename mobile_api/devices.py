"""Devices that notices are pushed to, and the receipts that phones give for them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.clock import SystemClock
from backend.notify import devices, receipts
from backend.notify.devices import NewDevice
from backend.notify.offered import Offered
from backend.office import Office

_real = SystemClock()


class Keys(Struct, frozen=True):
    """What a phone needs to subscribe. web_push: the VAPID public key in base64url, null when there is none.

    fcm, jpush: whether this installation sends by them.
    """

    web_push: str | None
    fcm: bool
    jpush: bool


class Registered(Struct, frozen=True):
    """The device, for taking it off again."""

    id: UUID


class Received(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """code: from the notice. shown: a person could see it."""

    code: Annotated[str, Meta(min_length=1, max_length=100)]
    shown: bool


class Devices(Controller):
    """设备."""

    path = "/api/devices"
    tags = ("通知 Notices",)

    @get("/keys", summary="推送公钥 How to subscribe to pushes")
    async def keys(self, offered: NamedDependency[Offered]) -> Keys:
        """浏览器订阅用的公钥，以及开通了哪些推送。 The key for a browser's subscription, and which pushes there are."""
        return Keys(offered.web_push_key, fcm=offered.fcm, jpush=offered.jpush)

    @post("/", summary="登记设备 Register this device")
    async def register(
        self,
        data: JSONBody[NewDevice],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        offered: NamedDependency[Offered],
    ) -> Registered:
        """绑定到当前登录；退出、到期或下岗后不再推送。同一设备再次登记仍是同一个。

        Bound to this session: signed out, expired or off duty, it gets nothing. The same device again keeps its id.
        """
        return Registered(await devices.register(office, data, offered, by=by, now=_real.now()))

    @delete("/{device_id:uuid}", summary="注销设备 Take a device off")
    async def forget(
        self, device_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> None:
        """自己的设备。 One's own."""
        await devices.forget(office, device_id, by=by, now=_real.now())


@post(
    "/api/notices/{notice_id:uuid}/received",
    summary="通知回执 A notice has arrived",
    tags=["通知 Notices"],
    status_code=204,
)
async def notice_received(
    notice_id: FromPath[UUID],
    data: JSONBody[Received],
    office: NamedDependency[Office],
    now: NamedDependency[datetime],
) -> None:
    """凭通知中的 code，无需登录；可先报收到，再报已显示。 By the notice's code, without signing in; received first, then shown."""
    await receipts.receive(office, notice_id, data.code, shown=data.shown, now=now)
