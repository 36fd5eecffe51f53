"""What a provider answers becomes of the device, the message and the operator: real protocols over a real outbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import REGISTRY
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.ids import new_id
from backend.notify import devices, outbox
from backend.notify.deliver import Delivered, deliver_due
from backend.notify.devices import NewDevice, Subscription, SubscriptionKeys
from backend.notify.offered import Offered
from backend.notify.push import DeviceSender
from backend.notify.receipts import Told, read_code
from backend.notify.web_push import WebPush
from backend.office import Office
from tests.access.builders import NOW, add_team, an_office
from tests.notify.servers import Says, Service, a_service
from tests.notify.test_devices import set_duty, somebody
from tests.notify.test_providers import LOOPBACK, Browser

OFFERED = Offered(web_push_key="key")


class Place:
    """A team with one phone, its push service, and a notice on its way to it."""

    def __init__(self, office: Office, service: Service, browser: Browser, sender: DeviceSender) -> None:
        self.office, self.service, self.browser, self.sender = office, service, browser, sender
        self.device, self.notice = UUID(int=0), UUID(int=0)

    async def begin(self) -> None:
        office = self.office
        team = await add_team(office)
        await set_duty(office, team, "on_duty")
        by = await somebody(office, team_id=team)
        keys = SubscriptionKeys(self.browser.address["p256dh"], self.browser.address["auth"])
        new = NewDevice(
            kind="web_push", subscription=Subscription(endpoint=self.browser.address["endpoint"], keys=keys)
        )
        self.device = await devices.register(office, new, OFFERED, by=by, now=NOW)
        self.notice = new_id()
        row = {"id": self.notice, "to": f"team:{team}", "kind": "case.taken_off", "team_id": team, "rung": "push"}
        said = {"notice_id": self.notice, "kind": "case.taken_off", "number": 7, "ttl_s": 60, "is_urgent": False}
        async with office.begin() as tx:
            await tx.execute(insert(tables.notices).values(city_id=office.city_id, began_at=NOW, **row))
            await outbox.enqueue(tx, office, "web_push", str(self.device), said, now=NOW)

    async def deliver(self, after_s: float = 0.0) -> Delivered:
        return await deliver_due(self.office, {"web_push": self.sender}, NOW + timedelta(seconds=after_s))

    async def row(self, table: Any) -> Any:
        async with self.office.db.connect() as tx:
            return (await tx.execute(select(table))).one()


@asynccontextmanager
async def a_place(db: AsyncEngine, says: Says, *, timeout_s: float = 2.0) -> AsyncIterator[Place]:
    office = an_office(db)
    key = ec.generate_private_key(ec.SECP256R1())
    async with a_service(says) as service:
        provider = WebPush(key, contact="mailto:ops@example.cn", allowed_networks=LOOPBACK, timeout_s=timeout_s)
        place = Place(office, service, Browser(f"{service.url}/send"), DeviceSender(office, provider))
        await place.begin()
        yield place
        await provider.aclose()


async def test_a_phone_gets_the_notice_with_a_code_that_says_who_it_is(db: AsyncEngine) -> None:
    async with a_place(db, Says(201)) as place:
        assert await place.deliver() == Delivered(sent=1)
        [asked] = place.service.asked
        payload = place.browser.reads(asked.body)
        assert set(payload) == {
            "id", "code", "kind", "number", "priority", "offer_id", "case_id", "expires_at",
        }  # fmt: skip
        assert (payload["id"], payload["kind"], payload["number"]) == (str(place.notice), "case.taken_off", 7)
        assert read_code(place.office.ring, place.notice, payload["code"]) == Told("device", place.device)
        assert (asked.headers["ttl"], asked.headers["urgency"]) == ("60", "normal")
        assert (await place.row(tables.devices)).last_used_at == NOW


@pytest.mark.parametrize("status", [404, 410])
async def test_a_device_that_its_service_does_not_know_any_more_is_gone(db: AsyncEngine, status: int) -> None:
    async with a_place(db, Says(status)) as place:
        assert await place.deliver() == Delivered(failed=1)
        device = await place.row(tables.devices)
        assert (device.gone_because, device.address_sealed) == (f"answered {status}", None)
        assert await place.deliver(3600) == Delivered()


async def test_a_service_that_says_when_is_asked_then(db: AsyncEngine) -> None:
    async with a_place(db, Says(429, headers={"Retry-After": "50"})) as place:
        assert await place.deliver() == Delivered(put_off=1)
        place.service.says = Says(201)
        assert await place.deliver(49) == Delivered()
        assert await place.deliver(50) == Delivered(sent=1)


async def test_a_service_that_fails_or_is_slow_is_asked_again(db: AsyncEngine) -> None:
    async with a_place(db, Says(500), timeout_s=0.3) as place:
        assert await place.deliver() == Delivered(put_off=1)
        place.service.says = Says(201, after_s=1.0)
        assert await place.deliver(10) == Delivered(put_off=1)
        assert (
            "no answer" in (await place.row(tables.outbox)).last_error
            or "Timeout" in (await place.row(tables.outbox)).last_error
        )
        place.service.says = Says(201)
        assert await place.deliver(30) == Delivered(sent=1)
        payloads = [place.browser.reads(asked.body) for asked in place.service.asked]
        assert {payload["id"] for payload in payloads} == {str(place.notice)}, "the same notice, known by its id"


async def test_a_refused_key_is_for_operators_to_see_and_the_device_stays(
    db: AsyncEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    name, labels = "rescue_push_credentials_refused_total", {"way": "web_push"}
    before = REGISTRY.get_sample_value(name, labels) or 0
    async with a_place(db, Says(403)) as place:
        assert await place.deliver() == Delivered(put_off=1)
        assert (await place.row(tables.devices)).gone_at is None
        assert (await place.row(tables.outbox)).last_error.startswith("CredentialsRefused")
    assert REGISTRY.get_sample_value(name, labels) == before + 1
    assert "credentials refused" in capsys.readouterr().out
