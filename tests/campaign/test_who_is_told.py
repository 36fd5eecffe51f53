"""Who hears of a campaign: the roles of its plan wherever its ground is theirs, teams off duty that are called in, partner systems."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.campaign import campaigns
from backend.clock import ManualClock
from backend.ids import new_id
from tests.campaign.builders import EAST_CODE, code, comes, lifted, the_campaign
from tests.campaign.test_campaigns import obey, plans_of, turned
from tests.dispatch import builders
from tests.dispatch.builders import CITY, EAST, LEADER, WEST, team
from tests.notify.test_ladder import NUMBER, Phones, Street


@pytest.fixture
async def street(db: AsyncEngine, clock: ManualClock) -> Street:
    return Street(await builders.town(db, clock, 1), Phones())


def told(street: Street) -> list[tuple[str, str | None]]:
    found = street.phones.told()
    street.phones.got.clear()
    return found


async def test_who_answers_for_a_part_of_the_ground_hears_of_it_and_nobody_else(street: Street) -> None:
    places = {"city": CITY, "east": EAST, "west": WEST}
    people = {}
    for login, region in places.items():
        by = await street.person("dispatcher", login)
        await street.town.run("UPDATE accounts SET regions = ARRAY[:r] WHERE login = :l", r=region, l=login)
        people[str(await street.device(by, f"token-{login}"))] = login
    await comes(street.town, "W0", area=code(EAST_CODE))
    await street.goes_on()
    assert sorted(people[message.to] for message in street.phones.got) == ["city", "east"]
    street.phones.got.clear()
    await comes(street.town, "W1", event="高温", colour="黄")
    await street.goes_on()
    assert sorted(people[message.to] for message in street.phones.got) == ["city", "east", "west"]


@pytest.mark.invariant("I12")
async def test_off_duty_a_phone_hears_that_its_team_is_called_in_and_of_nothing_else(street: Street) -> None:
    town = street.town
    resting = await town.add_team(team(1), on_duty=False)
    await street.officer(resting)
    await street.officer(town.teams[0], "li", phone=None)
    obey(town, plans_of(cold_wave={"blue": {"call_in": 1}}))
    await comes(town, "W0")
    await town.offered()
    await street.goes_on()
    assert sorted(told(street), key=str) == [("fcm", "campaign.called_in"), ("fcm", "offer.made")]
    await street.goes_on(20)
    [text] = street.phones.got
    assert (text.way, text.to) == ("sms", NUMBER)
    number = (await the_campaign(town)).number
    assert f"专项行动 {number}：专项行动召集你队，请上岗。" in text.message["text"]
    await street.goes_on(600)
    assert len(street.phones.got) == 1, "that nobody came is seen by their not coming"


@pytest.mark.invariant("I4")
@pytest.mark.parametrize("how", ["came", "closed"])
async def test_a_call_stops_the_moment_the_team_comes_or_the_campaign_is_over(street: Street, how: str) -> None:
    town = street.town
    resting = await town.add_team(team(1), on_duty=False)
    await street.officer(resting)
    obey(town, plans_of(cold_wave={"blue": {"call_in": 1}}))
    await comes(town, "W0")
    await street.goes_on()
    assert told(street) == [("fcm", "campaign.called_in")]
    if how == "came":
        await town.on_duty(resting)
    else:
        await campaigns.close(town.office, (await the_campaign(town)).id, "不需要", town.by(LEADER))
    await street.goes_on(30)
    assert told(street) == []


@pytest.mark.invariant("I4")
async def test_a_proposal_that_was_answered_is_told_to_nobody_any_more(street: Street) -> None:
    town = street.town
    await street.device(await street.person("shift_leader", "zhao"), "token")
    obey(town, plans_of(cold_wave={"blue": {"approval": "needed"}}))
    await comes(town, "W0")
    await street.goes_on()
    assert told(street) == [("fcm", "campaign.proposed")]
    town.clock.advance(minutes=16)
    await turned(town, 1)
    await campaigns.approve(town.office, (await the_campaign(town)).id, None, town.by(LEADER))
    await street.goes_on()
    assert ("fcm", "campaign.escalated") not in told(street)


async def test_partners_that_may_read_campaigns_of_the_ground_are_told_and_no_others(street: Street) -> None:
    town = street.town
    for partner, region in (("120", EAST), ("119", WEST)):
        await town.run(
            "INSERT INTO api_keys (city_id, id, partner, key_hash, roles, regions, webhook_url, created_at) "
            "VALUES (:city, :id, :partner, :hash, '{partner}', ARRAY[:region], 'https://p.example/hook', :at)",
            city=CITY, id=new_id(), partner=partner, region=region, hash=partner.encode(), at=town.now,
        )  # fmt: skip
    await comes(town, "W0", area=code(EAST_CODE))
    await turned(town)
    await lifted(town, "W1", area=code(EAST_CODE))
    await turned(town)
    sent = [one for one in await town.notices() if one["way"] == "webhook"]
    assert [one["kind"] for one in sent] == ["campaign.opened", "campaign.closed"]
    assert sent[0].items() >= {"hazard_zh": "寒潮", "colour_zh": "蓝色", "regions": [EAST], "state": "running"}.items()
    assert len({one["to"] for one in sent}) == 1
