"""Who is told what over the live feed: every kind of event that the code writes, positions, and each part of the picture,
asked by every role about what is theirs and what is not.

`TOPICS` is the table: a kind → the permission that seeing it needs. What is expected follows from it and from the city's
policy. A kind of event without a line here fails; so does a part of the picture.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from backend import log
from backend.access.actor import SYSTEM
from backend.ids import new_id
from backend.live.visibility import ACTIONS, POSITIONS, SNAPSHOT, action_of
from backend.policy import ACTION_NAMES, ROLE_NAMES, Policy
from backend.policy import ACTIONS as ALL_ACTIONS
from backend.policy.permissions import NOT_FOR_PEOPLE
from tests.api.builders import (
    CITY,
    IN_XIGANG,
    IN_ZHONGSHAN,
    XIGANG,
    ZHONGSHAN,
    Api,
    Person,
    Socket,
    a_facility,
    a_report,
    a_wish,
    problem_of,
)
from tests.api.conftest import anything
from tests.api.written_kinds import kinds_written
from tests.conftest import START

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unlimited")]

TOPICS = {
    **dict.fromkeys(
        (
            *("case.opened", "case.accepted", "case.refused", "case.assigned", "case.withdrawn", "case.dispatched"),
            *("case.set_out", "case.arrived", "case.handled", "case.verified", "case.sent_back", "case.extended"),
            *("case.suspended", "case.resumed", "case.returned", "case.voided", "case.joined", "case.unjoined"),
            *("case.called_back", "case.detailed", "case.not_reached", "case.photo_added"),
            *("case.grew", "case.shrank", "case.sighting_joined", "approval.asked", "approval.refused"),
            *("clock.yellow", "clock.missed", "clock.escalated", "search.widened", "search.alarm", "revisit.done"),
            "revisit.told_late",
        ),
        "case:read",
    ),
    **dict.fromkeys(("offer.made", "offer.*"), "offer:read"),
    **dict.fromkeys(("sighting.photo_added", "sighting.photo_read", "sighting.contact_read"), "sighting:read"),
    **dict.fromkeys(
        (
            *("look.file_read", "look.searched", "look.call_read", "look.photo_read", "look.referral_read"),
            *("look.person_read", "look.person_searched", "look.person_photo_read", "look.document_read"),
            "look.incident_read",
            "look.subject_access",
        ),
        "look:read",
    ),
    **dict.fromkeys(
        (
            *(
                "person.registered",
                "person.described",
                "person.identified",
                "person.unidentified",
                "person.photo_added",
            ),
            *("person.merged", "person.unmerged", "person.kept_apart"),
            *("person.linked", "person.unlinked", "person.family_set"),
        ),
        "person:read",
    ),
    **dict.fromkeys(
        (
            *("stay.begun", "stay.ended", "stay.prolonged", "stay.notice_published", "stay.notice_renewed"),
            *("stay.dna_requested", "stay.dna_answered", "stay.settlement_applied"),
            *("stay.clock_yellow", "stay.clock_missed", "stay.clock_escalated"),
        ),
        "stay:read",
    ),
    **dict.fromkeys(
        (
            *("returnee.registered", "returnee.moved", "returnee.ended", "returnee.relapsed", "returnee.visited"),
            *(
                "returnee.list_exported",
                "returnee.told_elsewhere",
                "returnee.visit_near",
                "returnee.visit_missed",
                "returnee.visit_escalated",
            ),
        ),
        "returnee:read",
    ),
    "document.issued": "document:read",
    **dict.fromkeys(
        (
            *("incident.raised", "incident.completed", "incident.acknowledged", "incident.escalated", "incident.owed"),
            *("incident.followed_up", "incident.concluded", "incident.withdrawn"),
        ),
        "incident:read",
    ),
    **dict.fromkeys(("call.parked", "call.taken"), "contact:read"),
    **dict.fromkeys(("facility.changed", "facility.withdrawn"), "facility:read"),
    **dict.fromkeys(
        (
            *("referral.offered", "referral.accepted", "referral.refused", "referral.withdrawn", "referral.arrived"),
            *("referral.handed_over", "referral.escalated", "referral.hand_over_waits", "referral.not_used"),
        ),
        "referral:read",
    ),
    **dict.fromkeys(("stock.moved", "stock.counted"), "stock:read"),
    **dict.fromkeys(("retention.ran", "policy.changed"), "policy:read"),
    **dict.fromkeys(("note.written", "note.taken"), "case:approve"),
    **dict.fromkeys(
        (
            "team.*",
            "team.distress",
            "team.distress_escalated",
            "team.distress_answered",
            "team.distress_over",
            "team.changed",
            "team.shift_set",
            "team.shift_cancelled",
        ),
        "team:read",
    ),
    **dict.fromkeys(
        (
            *(
                "circle.gap_opened",
                "circle.gap_closed",
                "weather.set",
                "weather.observed",
                "warning.issued",
                "warning.upgraded",
            ),
            *("warning.downgraded", "warning.continued", "warning.lifted", "warning.over"),
            *("warning.ignored", "warning.refused"),
        ),
        "circle:read",
    ),
    **dict.fromkeys(
        (
            *("campaign.proposed", "campaign.escalated", "campaign.opened", "campaign.declined", "campaign.upgraded"),
            *("campaign.downgraded", "campaign.prolonged", "campaign.closed", "campaign.point_opened"),
            *("campaign.point_closed", "campaign.called_in", "campaign.came"),
            *(
                "sweep.laid_out",
                "sweep.dropped",
                "sweep.looked",
                "sweep.leased",
                "sweep.left",
                "sweep.due",
                "sweep.ended",
            ),
            *("sweep.planned", "sweep.passed"),
        ),
        "campaign:read",
    ),
    **dict.fromkeys(
        (
            *("account.created", "account.changed", "account.unlocked", "account.recovered"),
            *("session.revoked", "session.locked"),
        ),
        "account:read",
    ),
    **dict.fromkeys(("key.created", "key.changed", "key.revoked", "key.rotated"), "key:write"),
}
PARTS = {"cases": "case:read", "offers": "offer:read", "clocks": "case:read", "teams": "team:read"}
PARTS |= {"approvals": "case:read", "distress_calls": "team:read", "referrals": "referral:read"}


@dataclass(frozen=True)
class Where:
    """Whom something concerns."""

    name: str
    regions: tuple[str, ...]
    teams: tuple[UUID, ...]
    facilities: tuple[UUID, ...] = ()


@dataclass
class World:
    """Everybody who is of Zhongshan, with one of its teams; and what is theirs, half theirs and not theirs."""

    api: Api
    people: dict[str, Person]
    teams: list[UUID]
    facility: UUID

    @property
    def places(self) -> list[Where]:
        mine, other = self.teams
        return [
            Where("my region, my team", (ZHONGSHAN, CITY), (mine,)),
            Where("my region, another team", (ZHONGSHAN, CITY), (other,)),
            Where("another region, my team", (XIGANG, CITY), (mine,)),
            Where("another region, another team", (XIGANG, CITY), (other,)),
            Where("another region, my facility", (XIGANG, CITY), (), (self.facility,)),
            Where("nobody's", (), ()),
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared: Api) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.limits.limiter.Limiter.demand", anything)
        teams = await shared.teams(IN_ZHONGSHAN, IN_XIGANG)
        roles: list[str] = [role for role in shared.office.city.policy.roles if role not in NOT_FOR_PEOPLE]
        made = await (await shared.person("admin")).did("/api/facilities", a_facility("T01"))
        facility = UUID(made["id"])
        people = {
            role: await shared.person(
                role,
                regions=(ZHONGSHAN,),
                team_id=teams[0] if role == "officer" else None,
                facility_id=facility if role == "station_staff" else None,
            )
            for role in roles
        }
        yield World(shared, people, teams, facility)


def may(policy: Policy, who: Person, action: str, where: Where) -> bool:
    """Read from the table by itself, not by the code under test."""
    lines = [line.partition("@") for role in who.me.roles for line in policy.roles.get(role, ())]  # type: ignore[call-overload]
    scopes = {scope for held, _, scope in lines if held == action}
    return (
        "all" in scopes
        or ("region" in scopes and not set(who.me.regions).isdisjoint(where.regions))
        or ("team" in scopes and who.me.team_id in where.teams)
        or ("facility" in scopes and who.me.facility_id is not None and who.me.facility_id in where.facilities)
    )


async def test_every_kind_of_event_that_is_written_stands_in_the_table() -> None:
    assert kinds_written() == set(TOPICS)


async def test_every_permission_and_role_has_a_name_in_both_languages() -> None:
    assert set(ACTION_NAMES) == ALL_ACTIONS
    assert all(zh and en for zh, en in (*ACTION_NAMES.values(), *ROLE_NAMES.values()))


async def test_the_feed_has_one_rule_for_each_kind_and_none_for_what_nobody_writes() -> None:
    assert {kind: action_of(kind) for kind in TOPICS} == TOPICS
    assert set(ACTIONS) == {kind.partition(".")[0] for kind in TOPICS}
    assert SNAPSHOT == PARTS
    assert {*ACTIONS.values(), *SNAPSHOT.values(), POSITIONS} <= ALL_ACTIONS


async def test_only_whom_the_table_lets_opens_the_feed(world: World) -> None:
    policy = world.api.office.city.policy
    partner = await world.api.partner(regions=(ZHONGSHAN,))
    for name, who in {**world.people, "public": world.api.public, "partner": partner}.items():
        answer = await who.post("/api/feed/tickets")
        opens = any(line.startswith("feed:open@") for role in who.me.roles for line in policy.roles[role])  # type: ignore[index]
        assert answer.is_success == opens, name
        if not opens:
            assert problem_of(answer)["status"] == (401 if name == "public" else 403)


@pytest.mark.invariant("I10")
async def test_an_event_reaches_those_it_is_for_and_nobody_else(world: World) -> None:
    policy, office = world.api.office.city.policy, world.api.office
    asked = [(kind, where) for kind in (*TOPICS, "mystery.happened") for where in world.places]
    async with AsyncExitStack() as stack:
        sockets = await _opened(world, stack)
        entries = [_entry(kind, where) for kind, where in asked]
        async with office.begin() as tx:
            written = await log.append(tx, office.city_id, entries, now=world.api.clock.now())
        about = dict(zip([event.seq for event in written], asked, strict=True))
        await asyncio.gather(*(socket.until_seq(written[-1].seq) for socket in sockets.values()))
        for name, socket in sockets.items():
            told = {event["seq"] for event in socket.events()}
            for seq, (kind, where) in about.items():
                action = TOPICS.get(kind)
                wanted = action is not None and may(policy, world.people[name], action, where)
                assert (seq in told) == wanted, (name, kind, where.name)


@pytest.mark.invariant("I10")
async def test_the_list_of_events_answers_as_the_feed_does(world: World) -> None:
    policy, office = world.api.office.city.policy, world.api.office
    asked = [(kind, where) for kind in TOPICS for where in world.places]
    async with office.begin() as tx:
        written = await log.append(
            tx, office.city_id, [_entry(kind, where) for kind, where in asked], now=world.api.clock.now()
        )
    for name, who in world.people.items():
        if not any(line.startswith("event:read@") for line in policy.roles[name]):  # type: ignore[index]
            assert problem_of(await who.get("/api/events"))["status"] == 403
            continue
        seen = await _listed(who, written[0].seq - 1)
        for event, (kind, where) in zip(written, asked, strict=True):
            assert (event.seq in seen) == may(policy, who, TOPICS[kind], where), (name, kind, where.name)


async def test_a_position_reaches_those_who_may_follow_the_team(world: World) -> None:
    policy = world.api.office.city.policy
    of_team = {str(world.teams[0]): world.places[0], str(world.teams[1]): world.places[3]}
    async with AsyncExitStack() as stack:
        sockets = await _opened(world, stack)
        for team_id, at in zip(world.teams, (IN_ZHONGSHAN, IN_XIGANG), strict=True):
            officer = await world.api.person("officer", regions=(CITY,), team_id=team_id)
            fix = {"at": world.api.clock.now().isoformat(), "lon": at[0] + 0.001, "lat": at[1]}
            await officer.did("/api/officer/positions", {"fixes": [fix]})
        for name, socket in sockets.items():
            wanted = {team for team, where in of_team.items() if may(policy, world.people[name], POSITIONS, where)}
            seen: set[str] = set()
            # Positions are handed out once a second; whoever is told none is given as long.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10 if wanted else 0.5):
                    while seen < wanted or not wanted:
                        seen |= {row[0] for row in (await socket.until("positions"))["teams"]}
            assert seen == wanted, name


async def test_each_part_of_the_picture_shows_what_the_table_lets_one_see(world: World) -> None:
    boss = await world.api.person("dispatcher")
    for place in (IN_ZHONGSHAN, IN_XIGANG):
        filed = await world.api.public.did("/api/reports", a_report(place))
        await boss.did(f"/api/cases/{filed['case_id']}/ask", {"action": "void", "reason": "测试"})
    await world.api.work()
    for team_id in world.teams:
        await (await world.api.person("officer", team_id=team_id)).did("/api/officer/distress")
    offers = (await _picture(boss))["offers"]
    for offer, to in zip(
        offers, ({"to_kind": "facility", "to_facility": str(world.facility), "to_words": None}, {}), strict=True
    ):
        wish = {**a_wish(offer["case_id"]), **to, "consent": "not_needed", "consent_ground": "danger"}
        await boss.did("/api/referrals", {"wish": {**wish, "people": [{"needs": ["violence"]}]}})
    whole = await _picture(boss)
    assert set(whole) == set(PARTS)
    region_of = {case["id"]: tuple(case["regions"]) for case in whole["cases"]}
    teams_of = {case["id"]: () for case in whole["cases"]}
    teams_of |= {offer["case_id"]: (UUID(offer["team_id"]),) for offer in whole["offers"]}
    assert all(whole.values()), "there has to be something in each part"
    policy = world.api.office.city.policy
    for name, who in world.people.items():
        if not any(line.startswith("feed:open@") for line in policy.roles[name]):  # type: ignore[index]
            continue
        seen = await _picture(who)
        for part, action in PARTS.items():
            wanted = set()
            for row in whole[part]:
                where = _where(part, row, region_of, teams_of, world)
                if may(policy, who, action, where) and (part != "offers" or may(policy, who, "case:read", where)):
                    wanted.add(_key(part, row))
            assert {_key(part, row) for row in seen[part]} == wanted, (name, part)


_SIDES = (("from_team",), ("from_facility", "to_facility"))


def _where(part: str, row: dict[str, Any], region_of: dict[str, Any], teams_of: dict[str, Any], world: World) -> Where:
    if part in ("teams", "distress_calls"):
        team_id = row["id"] if part == "teams" else row["team_id"]
        index = [str(team) for team in world.teams].index(team_id)
        return Where("", ((ZHONGSHAN, CITY), (XIGANG, CITY))[index], (UUID(team_id),))
    if part == "referrals":
        teams, houses = ([row[name] for name in names if row[name]] for names in _SIDES)
        return Where("", tuple(row["regions"]), tuple(map(UUID, teams)), tuple(map(UUID, houses)))
    case_id = row["id"] if part == "cases" else row["case_id"]
    return Where("", region_of[case_id], teams_of[case_id])


def _key(part: str, row: dict[str, Any]) -> str:
    return f"{row['case_id']}:{row['kind']}" if part == "clocks" else str(row["id"])


async def _picture(who: Person) -> dict[str, list[dict[str, Any]]]:
    async with who.feed() as feed:
        found: dict[str, list[dict[str, Any]]] = (await feed.until("snapshot"))["board"]
    return found


async def _opened(world: World, stack: AsyncExitStack) -> dict[str, Socket]:
    policy = world.api.office.city.policy
    sockets = {}
    for name, who in world.people.items():
        if any(line.startswith("feed:open@") for line in policy.roles[name]):  # type: ignore[index]
            sockets[name] = await stack.enter_async_context(who.feed())
            await sockets[name].until("events")
    return sockets


def _entry(kind: str, where: Where) -> log.Entry:
    """What the hub obeys needs its facts: about a session and an account that nobody here has."""
    data = {"session_id": new_id(), "account_id": new_id(), "active": True, "facilities": list(where.facilities)}
    return log.Entry(
        kind=kind.replace("*", "anything"),
        actor=SYSTEM,
        occurred_at=START,
        regions=where.regions,
        teams=where.teams,
        data=data,
    )


async def _listed(who: Person, after: int) -> set[int]:
    seen: set[int] = set()
    while True:
        page = await who.saw("/api/events", after=after, limit=500)
        seen |= {event["seq"] for event in page["events"]}
        if page.get("next") is None:
            return seen
        after = page["next"]
