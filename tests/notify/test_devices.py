"""Devices: bound to a session, found again whatever happens to it, and sealed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import rotation
from backend.access import accounts, sessions
from backend.access.accounts import AccountChange
from backend.access.actor import PUBLIC, Actor
from backend.access.sessions import LIFETIME
from backend.errors import Invalid, NotAllowed, NotFound
from backend.intake.photo_store import FolderStore
from backend.notify import devices
from backend.notify.devices import NewDevice, Subscription, SubscriptionKeys
from backend.notify.offered import Offered, public_key
from backend.office import Office
from backend.sealing import Ring, fresh_key
from tests.access.builders import ADMIN, CITY, NOW, XIGANG, ZHONGSHAN, add_account, add_session, add_team, an_office
from tests.keys import KEYS

OFFERED = Offered(web_push_key="key", fcm=True)
ENDPOINT = "https://push.example.cn/send/1"


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return an_office(db)


def a_browser(endpoint: str = ENDPOINT, **keys: str) -> NewDevice:
    mine = {"p256dh": public_key(ec.generate_private_key(ec.SECP256R1())), "auth": "c2l4dGVlbiBieXRlcyEhIQ", **keys}
    return NewDevice(kind="web_push", subscription=Subscription(endpoint=endpoint, keys=SubscriptionKeys(**mine)))


def an_app(token: str = "token-1") -> NewDevice:
    return NewDevice(kind="fcm", token=token)


async def somebody(office: Office, login: str = "wang", team_id: UUID | None = None, **more: Any) -> Actor:
    roles = ("officer",) if team_id else ("dispatcher",)
    account = await add_account(office, login, roles=roles, team_id=team_id, **more)
    return await add_session(office, account, expires_at=NOW + LIFETIME)


async def register(office: Office, new: NewDevice, by: Actor) -> UUID:
    return await devices.register(office, new, OFFERED, by=by, now=NOW)


async def rows(office: Office) -> list[Any]:
    async with office.db.connect() as tx:
        return list((await tx.execute(select(tables.devices))).all())


async def of(office: Office, to: str, at: timedelta = timedelta()) -> set[UUID]:
    async with office.db.connect() as tx:
        return set((await tx.execute(devices.of(office, to, NOW + at))).scalars())


async def set_duty(office: Office, team_id: UUID, state: str) -> None:
    async with office.db.begin() as tx:
        await tx.execute(tables.presence.delete())
        row = {"city_id": office.city_id, "team_id": team_id, "state": state, "state_since": NOW}
        await tx.execute(tables.presence.insert().values(row))


async def test_its_address_lies_sealed(office: Office) -> None:
    new = a_browser()
    await register(office, new, await somebody(office))
    assert new.subscription is not None
    [row] = await rows(office)
    for secret in (ENDPOINT, new.subscription.keys.p256dh, new.subscription.keys.auth):
        assert secret.encode() not in bytes(row.address_sealed)
        assert secret not in str(row)
    device = await devices.find(office, row.id, NOW)
    assert device is not None
    assert device.address["endpoint"] == ENDPOINT


async def test_the_same_device_again_keeps_its_id_and_belongs_to_who_asks_now(office: Office) -> None:
    wang, li = await somebody(office), await somebody(office, "li")
    new = a_browser()
    first = await register(office, new, wang)
    assert await register(office, new, li) == first
    [row] = await rows(office)
    assert (row.session_id, str(row.account_id)) == (li.session_id, li.id)
    assert await register(office, an_app(), li) != first


async def test_a_device_is_found_again_after_the_keys_changed(office: Office, tmp_path: Any) -> None:
    wang, new = await somebody(office), an_app()
    first = await register(office, new, wang)
    office.ring = Ring.parse(f"{fresh_key('newer')},{KEYS}")
    assert await register(office, new, wang) == first
    office.ring = Ring.parse(f"{fresh_key('newest')},{KEYS}")
    again = Ring.parse(f"{fresh_key('last')},{KEYS}")
    office.ring = Ring.parse(KEYS)
    assert await register(office, an_app("token-2"), wang) != first
    office.ring = again
    await rotation.reseal(office, FolderStore(tmp_path, again))
    assert len(await rows(office)) == 2
    assert {(await devices.find(office, row.id, NOW)) is not None for row in await rows(office) if row.id != first} == {
        True
    }


async def test_only_one_s_own_device_is_taken_off(office: Office) -> None:
    wang, li = await somebody(office), await somebody(office, "li")
    device = await register(office, a_browser(), wang)
    for other in (li, PUBLIC):
        with pytest.raises((NotFound, NotAllowed)):
            await devices.forget(office, device, by=other, now=NOW)
    await devices.forget(office, device, by=wang, now=NOW)
    with pytest.raises(NotFound):
        await devices.forget(office, device, by=wang, now=NOW)
    [row] = await rows(office)
    assert (row.gone_because, row.address_sealed) == ("forgotten", None)
    assert await register(office, a_browser(), wang) != device


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewDevice(kind="web_push", token="x"), "subscription"),
        (NewDevice(kind="fcm"), "token"),
        (NewDevice(kind="fcm", token="with space"), "token"),
        (NewDevice(kind="fcm", token="令牌"), "token"),
        (NewDevice(kind="jpush", token="x"), "kind"),
        (a_browser("ftp://push.example.cn"), "subscription.endpoint"),
        (a_browser("https://user@push.example.cn"), "subscription.endpoint"),
        (a_browser("https://推送.cn/"), "subscription.endpoint"),
        (a_browser("https://[::1"), "subscription.endpoint"),
        (a_browser(p256dh="AAAA"), "subscription.keys.p256dh"),
        (a_browser(p256dh="密"), "subscription.keys.p256dh"),
        (a_browser(auth="AAAA"), "subscription.keys.auth"),
        (a_browser(auth="*" * 22), "subscription.keys.auth"),
    ],
)
async def test_what_is_no_device_is_refused_in_words(office: Office, new: NewDevice, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await register(office, new, await somebody(office))
    assert refused.value.extra["field"] == field


async def test_who_is_not_signed_in_has_no_device(office: Office) -> None:
    with pytest.raises(NotAllowed):
        await register(office, a_browser(), PUBLIC)


@pytest.mark.invariant("I12")
async def test_a_team_s_devices_are_those_of_people_signed_in_while_it_is_on_duty(office: Office) -> None:
    team, other = await add_team(office), await add_team(office, "t2")
    wang, li = await somebody(office, team_id=team), await somebody(office, "li", team_id=team)
    stranger = await somebody(office, "zhao", team_id=other)
    mine = [await register(office, a_browser(f"{ENDPOINT}{n}"), by) for n, by in enumerate((wang, li, stranger))][:2]
    await set_duty(office, team, "on_duty")
    assert await of(office, f"team:{team}") == set(mine)
    await set_duty(office, team, "resting")
    assert await of(office, f"team:{team}") == set(mine)
    await set_duty(office, team, "off_duty")
    assert await of(office, f"team:{team}") == set()
    await set_duty(office, team, "on_duty")
    await sessions.sign_out(office, wang, now=NOW)
    assert await of(office, f"team:{team}") == {mine[1]}
    assert await of(office, f"team:{team}", LIFETIME) == set(), "sessions end by time as well"
    await accounts.change(office, UUID(li.id), AccountChange(active=False), by=ADMIN, now=NOW)
    assert await of(office, f"team:{team}") == set()
    assert await devices.find(office, mine[0], NOW) is None


async def test_a_role_s_devices_are_those_of_the_regions_around(office: Office) -> None:
    city, east, west = [
        await register(office, a_browser(f"{ENDPOINT}{region}"), await somebody(office, region, regions=(region,)))
        for region in (CITY, ZHONGSHAN, XIGANG)
    ]
    assert await of(office, f"role:dispatcher:{ZHONGSHAN}") == {city, east}
    assert await of(office, f"role:dispatcher:{XIGANG}") == {city, west}
    assert await of(office, f"role:shift_leader:{XIGANG}") == set()


@pytest.mark.invariant("I12")
async def test_a_device_whose_session_has_ended_is_buried_with_its_address(office: Office) -> None:
    wang, li = await somebody(office), await somebody(office, "li")
    gone, stays = await register(office, a_browser(), wang), await register(office, an_app(), li)
    await sessions.sign_out(office, wang, now=NOW)
    async with office.db.begin() as tx:
        await devices.bury(tx, office, [gone, stays], NOW)
    found = {row.id: (row.gone_because, row.address_sealed is None) for row in await rows(office)}
    assert found == {gone: ("session_ended", True), stays: (None, False)}


async def test_what_a_provider_says_is_gone_is_gone_once(office: Office) -> None:
    device = await register(office, an_app(), await somebody(office))
    await devices.used(office, device, NOW)
    await devices.mark_gone(office, device, "unregistered", NOW)
    await devices.mark_gone(office, device, "again", NOW)
    [row] = await rows(office)
    assert (row.gone_because, row.last_used_at) == ("unregistered", NOW)
    async with office.db.begin() as tx:
        await tx.execute(update(tables.devices).values(gone_at=None, gone_because=None))
