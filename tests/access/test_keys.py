"""Partner keys: seen once, limited, expiring, rotated without a gap."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import keys, tickets
from backend.access.actor import SYSTEM
from backend.access.keys import Made, NewKey
from backend.access.permissions import ANYTHING, Object, allowed
from backend.db import api_keys
from backend.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from backend.ids import new_id
from backend.office import Office
from tests.access.builders import ADMIN, NOW, XIGANG, ZHONGSHAN, an_actor, an_office, events_of

SECRET_KEY = "k" * 40
DAY = timedelta(days=1)


@pytest.fixture
def office(db: AsyncEngine) -> Office:
    return an_office(db)


async def a_key(office: Office, **wanted: Any) -> Made:
    """A key of the hotline's."""
    new = NewKey(**{"partner": "12345", **wanted})
    return await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)


def text(made: Made) -> str:
    """The key itself."""
    assert made.plain is not None
    return made.plain


async def test_a_partner_gets_no_ticket(office: Office) -> None:
    made = await keys.create(office, NewKey(partner="12345"), secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    with pytest.raises(NotAllowed):
        await tickets.issue(office, by=await keys.resolve(office, text(made), NOW), now=NOW)


async def test_a_key_is_seen_once_and_is_its_partner(office: Office) -> None:
    new = NewKey(partner="police-110", regions=[ZHONGSHAN])
    made = await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    assert text(made).startswith(f"rk_{made.key.id.hex}_")
    actor = await keys.resolve(office, text(made), NOW)
    assert (actor.id, actor.kind, actor.roles, actor.regions) == (
        "partner:police-110", "partner", ("partner",), (ZHONGSHAN,),
    )  # fmt: skip
    assert text(made) not in str(await keys.list_keys(office, by=ADMIN)) + str(await events_of(office))
    for wrong in (text(made)[:-1], text(made) + "x", "", "rk_"):
        with pytest.raises(NotSignedIn):
            await keys.resolve(office, wrong, NOW)


async def test_a_partner_changes_its_key_and_stays_the_same_actor(office: Office) -> None:
    old, fresh = [
        await keys.create(office, NewKey(partner="12345"), secret_key=SECRET_KEY, by=ADMIN, now=NOW) for _ in range(2)
    ]
    before = await keys.resolve(office, text(old), NOW)
    await keys.revoke(office, old.key.id, by=ADMIN, now=NOW)
    await keys.revoke(office, old.key.id, by=ADMIN, now=NOW)
    with pytest.raises(NotSignedIn):
        await keys.resolve(office, text(old), NOW)
    assert await keys.resolve(office, text(fresh), NOW) == before
    assert [e.kind for e in await events_of(office)] == ["key.created", "key.created", "key.revoked"]


async def test_a_webhook_goes_where_the_partner_last_said_and_nowhere_after_revoking(office: Office) -> None:
    new = NewKey(partner="12345", webhook_url="https://a.example.cn/x")
    made = await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    await keys.set_webhook(office, made.key.id, "https://b.example.cn/y", by=ADMIN, now=NOW)
    found = await keys.find_webhook(office, made.key.id, secret_key=SECRET_KEY, now=NOW)
    assert found is not None
    assert (found.url, found.secret) == ("https://b.example.cn/y", made.webhook_secret)
    await keys.revoke(office, made.key.id, by=ADMIN, now=NOW)
    assert await keys.find_webhook(office, made.key.id, secret_key=SECRET_KEY, now=NOW) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"partner": "大连"},
        {"partner": ""},
        {"roles": ["system"]},
        {"roles": []},
        {"regions": ["1"]},
        {"webhook_url": "ftp://x.cn/"},
        {"webhook_url": "https://user:pass@x.cn/"},
        {"webhook_url": "https://x.cn:99999999/"},
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"partner": "12345", "regions": [XIGANG], **wrong}
    new = NewKey(**values)
    with pytest.raises(Invalid):
        await keys.create(office, new, secret_key=SECRET_KEY, by=ADMIN, now=NOW)


async def test_keys_are_the_administrators_business(office: Office) -> None:
    with pytest.raises(NotAllowed):
        await keys.create(office, NewKey(partner="12345"), secret_key=SECRET_KEY, by=an_actor("shift_leader"), now=NOW)
    with pytest.raises(NotFound):
        await keys.revoke(office, new_id(), by=ADMIN, now=NOW)


async def test_a_key_limited_to_reporting_does_no_more(office: Office) -> None:
    made = await a_key(office, actions=["sighting:create"])
    actor = await keys.resolve(office, text(made), NOW)
    mine = Object(owner=actor.id)
    roles = office.city.policy.roles
    assert allowed(roles, actor, "sighting:create", mine)
    assert not allowed(roles, actor, "case:read", mine)
    for actions in ([], ["case:accept"], ["sighting:create", "everything"]):
        with pytest.raises(Invalid) as refused:
            await a_key(office, actions=actions)
        assert refused.value.extra["field"] == "actions"


async def test_a_key_expires_and_says_so(office: Office) -> None:
    made = await a_key(office, expires_at=NOW + DAY)
    await keys.resolve(office, text(made), NOW + DAY - timedelta(seconds=1))
    with pytest.raises(NotSignedIn) as refused:
        await keys.resolve(office, text(made), NOW + DAY)
    assert refused.value.code == "key_expired"
    with pytest.raises(Invalid):
        await a_key(office, expires_at=NOW)


async def test_a_rotated_key_goes_on_for_the_overlap(office: Office) -> None:
    old = await a_key(office, regions=[XIGANG], actions=["sighting:create"], webhook_url="https://a.example.cn/x")
    fresh = await keys.rotate(office, old.key.id, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    assert (fresh.key.regions, fresh.key.actions, fresh.key.webhook_url) == (
        [XIGANG],
        ["sighting:create"],
        old.key.webhook_url,
    )
    assert await keys.resolve(office, text(fresh), NOW) == await keys.resolve(office, text(old), NOW + 6 * DAY)
    with pytest.raises(NotSignedIn) as refused:
        await keys.resolve(office, text(old), NOW + 7 * DAY)
    assert refused.value.code == "key_expired"
    await keys.resolve(office, text(fresh), NOW + 700 * DAY)
    with pytest.raises(Conflict) as again:
        await keys.rotate(office, old.key.id, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    assert again.value.code == "key_was_rotated"
    event = (await events_of(office))[-1]
    assert (event.kind, event.data["replaces"]) == ("key.rotated", str(old.key.id))
    assert text(fresh) not in str(event)


async def test_a_key_that_has_ended_is_not_rotated_and_an_earlier_end_stays(office: Office) -> None:
    short = await a_key(office, expires_at=NOW + DAY)
    fresh = await keys.rotate(office, short.key.id, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    assert fresh.key.expires_at is None
    known = {key.id: key for key in await keys.list_keys(office, by=ADMIN)}
    assert known[short.key.id].expires_at == NOW + DAY
    await keys.revoke(office, fresh.key.id, by=ADMIN, now=NOW)
    for key_id, now in ((short.key.id, NOW + DAY), (fresh.key.id, NOW)):
        with pytest.raises(Conflict) as refused:
            await keys.rotate(office, key_id, secret_key=SECRET_KEY, by=ADMIN, now=now)
        assert refused.value.code == "key_has_ended"
    with pytest.raises(NotFound):
        await keys.rotate(office, new_id(), secret_key=SECRET_KEY, by=ADMIN, now=NOW)


async def test_while_a_key_rotates_messages_are_signed_with_both_secrets(office: Office) -> None:
    old = await a_key(office, webhook_url="https://a.example.cn/x")
    fresh = await keys.rotate(office, old.key.id, secret_key=SECRET_KEY, by=ADMIN, now=NOW)
    await keys.set_webhook(office, fresh.key.id, "https://b.example.cn/y", by=ADMIN, now=NOW)
    for key_id in (old.key.id, fresh.key.id):
        meanwhile = await keys.find_webhook(office, key_id, secret_key=SECRET_KEY, now=NOW + 6 * DAY)
        later = await keys.find_webhook(office, key_id, secret_key=SECRET_KEY, now=NOW + 8 * DAY)
        assert meanwhile is not None
        assert later is not None
        assert (meanwhile.secret, meanwhile.old_secret) == (fresh.webhook_secret, old.webhook_secret)
        assert (later.secret, later.old_secret) == (fresh.webhook_secret, None)
        assert meanwhile.url == later.url == "https://b.example.cn/y"
    async with office.db.connect() as tx:
        assert list((await tx.execute(select(api_keys.c.id).where(keys.is_newest()))).scalars()) == [fresh.key.id]


async def test_the_last_use_is_noted_once_a_minute(office: Office) -> None:
    made = await a_key(office)
    seen = []
    for seconds in (0, 30, 59, 60, 61):
        await keys.resolve(office, text(made), NOW + timedelta(seconds=seconds))
        seen.append((await keys.list_keys(office, by=ADMIN))[0].last_used_at)
    minute = NOW + timedelta(minutes=1)
    assert seen == [NOW, NOW, NOW, minute, minute]


@pytest.mark.invariant("I8")
async def test_the_same_command_makes_one_key_and_shows_it_once(office: Office) -> None:
    command_id = new_id()
    new = NewKey(partner="12345")

    async def once(wanted: NewKey) -> Made:
        return await keys.create(office, wanted, secret_key=SECRET_KEY, by=ADMIN, now=NOW, command_id=command_id)

    first, again = await once(new), await once(new)
    assert (again.key, again.plain, again.webhook_secret) == (first.key, None, None)
    with pytest.raises(Conflict) as refused:
        await once(NewKey(partner="police-110"))
    assert refused.value.code == "command_id_reused"
    rotation = new_id()
    rotated = [
        await keys.rotate(office, first.key.id, secret_key=SECRET_KEY, by=ADMIN, now=NOW, command_id=rotation)
        for _ in range(2)
    ]
    assert rotated[0].key == rotated[1].key
    assert rotated[1].plain is None
    assert len(await keys.list_keys(office, by=SYSTEM)) == 2
    assert not allowed(office.city.policy.roles, an_actor("partner"), "key:write", ANYTHING)
