"""Who may do what: every route there is, asked by everybody there is, about what is theirs and what is not.

`ROUTES` is the one table: a route → the permissions it asks for and what it is about. What is expected follows from it and
from the city's policy. A new route without a line here fails.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from backend.access import sessions
from backend.campaign import campaigns, points
from backend.dispatch import approvals, case_photos, desk, distress, found, offers, revisits, stock, verification
from backend.dispatch import field as on_the_spot
from backend.errors import Conflict
from backend.ids import new_id
from backend.patrol import shifts
from backend.policy import Policy
from backend.referral import answering, offering
from backend.referral.incidents import reporting
from backend.referral.people import person_photos
from backend.referral.people import register_rows as register
from tests.api.builders import (
    A_PAPER,
    IN_ZHONGSHAN,
    ZHONGSHAN,
    Api,
    Person,
    a_browser,
    a_facility,
    a_handling,
    a_report,
    a_team,
    a_wish,
    problem_of,
)
from tests.api.conftest import anything
from tests.api.two_of_everything import A_CELL, WHY, Thing, World, build_world
from tests.conftest import START

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unlimited")]


@dataclass(frozen=True)
class Rule:
    """What a route asks for, in this order. about: the kind of thing in its address. hidden: no difference between what
    is not there and what is not allowed. own: one's own is always allowed."""

    actions: tuple[str, ...] = ()
    about: str = "nothing"
    body: Callable[[Thing], Any] | None = None
    reads: bool = False
    hidden: bool = False
    own: bool = False


class Form(dict[str, str]):
    """The fields of a form that comes with a photo."""


def _case(*actions: str, body: Any = None, **more: Any) -> Rule:
    return Rule(actions, "case", body if callable(body) else lambda _: body, **more)


def _reads(*actions: str, **more: Any) -> Rule:
    return Rule(actions, "case", reads=True, **more)


def _referral(action: str, body: dict[str, Any]) -> Rule:
    return Rule((action,), "referral", lambda _: body)


def _person(body: Callable[[Thing], Any]) -> Rule:
    return Rule(("person:write",), "person", body)


def _stay(body: dict[str, Any]) -> Rule:
    return Rule(("stay:write",), "stay", lambda _: body)


def _incident(action: str, body: dict[str, Any]) -> Rule:
    return Rule((action,), "incident", lambda _: body)


def _of_case(thing: Thing) -> dict[str, Any]:
    return {"case_id": thing.ids["case_id"]}


OPEN = Rule()
A_HOME = {"address": "某街 2 号"}
NOBODY_S = ("receipt", "document_code", "parked", "device", "notice")
"""What is asked about and nobody has: whoever may ask reads that it is not there."""
# Written by the first who may; the others read that it overlaps, which is no want of permission.
_SHIFT = {"starts_at": "2031-01-01T08:00:00+08:00", "ends_at": "2031-01-01T20:00:00+08:00"}
ROUTES: dict[tuple[str, str], Rule] = {
    ("POST", "/api/reports"): Rule(body=lambda _: a_report(channel="fax")),
    ("POST", "/api/reports/similar"): Rule(body=lambda _: {"report": a_report(channel="fax")}),
    ("GET", "/api/reports/{receipt}"): Rule(about="receipt"),
    ("POST", "/api/reports/{receipt}/details"): Rule(about="receipt", body=lambda _: {"description": "在北门"}),
    ("GET", "/api/reports/mine"): Rule(about="signed_in"),
    ("POST", "/api/reports/{receipt}/photos"): Rule(about="receipt"),
    ("POST", "/api/sessions"): Rule(body=lambda _: {"login": "x"}),
    ("GET", "/api/sessions/me"): OPEN,
    ("GET", "/api/regions"): OPEN,
    ("GET", "/api/dangers"): OPEN,
    ("GET", "/api/promises"): OPEN,
    ("GET", "/api/facilities"): OPEN,
    ("GET", "/health"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("GET", "/api/sessions"): Rule(about="signed_in"),
    ("DELETE", "/api/sessions"): Rule(about="signed_in"),
    ("POST", "/api/second-factor"): Rule(about="signed_in", body=lambda _: {"password": "not the right one"}),
    ("POST", "/api/second-factor/confirm"): Rule(about="signed_in", body=lambda _: {"code": "000000"}),
    ("DELETE", "/api/sessions/{session_id}"): Rule(("account:write",), "session", hidden=True, own=True),
    ("POST", "/api/feed/tickets"): Rule(("feed:open",)),
    # the officer's own team
    ("GET", "/api/officer/task"): Rule(("offer:read",), "my_team"),
    ("POST", "/api/officer/duty"): Rule(("team:duty",), "my_team", lambda _: {"state": "on_duty"}),
    ("POST", "/api/officer/positions"): Rule(
        ("position:write",),
        "my_team",
        lambda _: {"fixes": [{"at": START.isoformat(), "lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}]},
    ),
    ("POST", "/api/officer/distress"): Rule(("distress:raise",), "my_team", lambda _: {}),
    ("POST", "/api/officer/found"): Rule(("case:handle",), "my_team", lambda _: _a_find()),
    ("GET", "/api/officer/sweep"): Rule(("sweep:do",), "my_team"),
    ("POST", "/api/officer/sweep/looks"): Rule(("sweep:do",), "my_team", lambda _: _of_a_cell()),
    ("POST", "/api/officer/sweep/pass"): Rule(("sweep:do",), "my_team", lambda _: _of_a_cell()),
    ("POST", "/api/offers/{offer_id}/accept"): Rule(("offer:answer",), "offer", lambda _: {}),
    ("POST", "/api/offers/{offer_id}/decline"): Rule(("offer:answer",), "offer", lambda _: {"reason": "too_far"}),
    ("POST", "/api/cases/{case_id}/set-out"): _case("case:handle", body={}),
    ("POST", "/api/cases/{case_id}/arrive"): _case("case:handle", body=WHY),
    ("POST", "/api/cases/{case_id}/photos"): _case("case:handle", body=lambda _: Form(id=str(new_id()), kind="scene")),
    ("POST", "/api/cases/{case_id}/handle"): _case("case:handle", body=a_handling(START.isoformat())),
    # the grid worker's visits
    ("GET", "/api/visits"): Rule(("visit:read",)),
    ("POST", "/api/visits/{visit_id}/done"): Rule(("visit:do",), "visit", lambda _: {"found": "gone"}),
    # the desk
    ("GET", "/api/cases"): Rule(("case:read",)),
    ("GET", "/api/cases/{case_id}"): _reads("case:read"),
    ("GET", "/api/cases/{case_id}/events"): _reads("case:read"),
    ("GET", "/api/cases/{case_id}/decisions"): _reads("case:read", "decision:read"),
    ("GET", "/api/cases/{case_id}/contacts"): _reads("case:read", "contact:read"),
    ("GET", "/api/cases/{case_id}/photos/{photo_id}"): _reads("case:read", "sighting:read"),
    ("GET", "/api/cases/{case_id}/evidence"): _reads("case:read", "person:read"),
    ("GET", "/api/call-backs"): Rule(("contact:read",)),
    ("POST", "/api/call-backs/{sighting_id}"): _case("contact:read", body={"reached": False}),
    ("GET", "/api/calls/parked"): Rule(("contact:read", "sighting:create")),
    ("POST", "/api/calls/parked"): Rule(("contact:read", "sighting:create"), body=lambda _: _a_call()),
    ("GET", "/api/calls/parked/{call_id}"): Rule(("contact:read", "sighting:create"), "parked"),
    ("DELETE", "/api/calls/parked/{call_id}"): Rule(("contact:read", "sighting:create"), "parked"),
    ("POST", "/api/distress/{distress_id}/answer"): Rule(
        ("distress:answer",), "distress", lambda _: {"note": "马上到"}
    ),
    ("POST", "/api/distress/{distress_id}/over"): Rule(("distress:answer",), "distress", lambda _: {}),
    ("POST", "/api/cases/{case_id}/accept"): _case("case:accept", body={}),
    ("POST", "/api/cases/{case_id}/refuse"): _case("case:refuse", body={"reason": "prank"}),
    ("POST", "/api/cases/{case_id}/assign"): _case("case:assign", body=lambda t: {**WHY, "team_id": t.body["team"]}),
    ("POST", "/api/cases/{case_id}/withdraw"): _case("case:withdraw", body=WHY),
    ("POST", "/api/cases/{case_id}/widen"): _case("offer:make", body={}),
    ("POST", "/api/cases/{case_id}/join"): _case("case:join", body=lambda t: {**WHY, "into": t.body["into"]}),
    ("POST", "/api/cases/{case_id}/unjoin"): _case("case:split", body={}),
    ("POST", "/api/cases/{case_id}/split"): _case(
        "case:split", body=lambda t: {**WHY, "sighting_ids": [t.body["sighting"]]}
    ),
    ("POST", "/api/cases/{case_id}/verify"): _case("case:verify", body={}),
    ("POST", "/api/cases/{case_id}/send-back"): _case("case:verify", body=WHY),
    ("POST", "/api/cases/{case_id}/ask"): _case("case:ask", body={**WHY, "action": "suspend"}),
    ("POST", "/api/cases/{case_id}/resume"): _case("case:approve", body=WHY),
    ("POST", "/api/calls/search"): Rule(("contact:read",), body=lambda _: {"phone": "13800000000"}),
    ("GET", "/api/looks"): Rule(("look:read",)),
    ("GET", "/api/approvals"): Rule(("case:approve",)),
    ("POST", "/api/approvals/{approval_id}/grant"): Rule(("case:approve",), "approval", lambda _: {}),
    ("POST", "/api/approvals/{approval_id}/refuse"): Rule(("case:approve",), "approval", lambda _: {}),
    # into other hands
    ("GET", "/api/referrals"): Rule(("referral:read",)),
    ("GET", "/api/referrals/{referral_id}"): Rule(("referral:read",), "referral", reads=True),
    ("POST", "/api/referrals"): _case("referral:create", body=lambda t: {"wish": a_wish(t.ids.get("case_id"))}),
    ("POST", "/api/referrals/{referral_id}/accept"): _referral("referral:answer", {"receiver": "民警王某"}),
    ("POST", "/api/referrals/{referral_id}/refuse"): _referral("referral:answer", WHY),
    ("POST", "/api/referrals/{referral_id}/withdraw"): _referral("referral:create", WHY),
    ("POST", "/api/referrals/{referral_id}/arrived"): _referral("referral:create", {}),
    ("POST", "/api/referrals/{referral_id}/hand-over"): _referral("referral:answer", {"paper": A_PAPER}),
    # reported at once
    ("GET", "/api/incidents"): Rule(("incident:read",)),
    ("POST", "/api/incidents"): _case("incident:create", body=lambda t: {"kind": "accident", **_of_case(t)}),
    ("GET", "/api/incidents/{incident_id}"): Rule(("incident:read",), "incident"),
    ("POST", "/api/incidents/{incident_id}/complete"): _incident("incident:create", {"form": {}}),
    ("POST", "/api/incidents/{incident_id}/acknowledge"): _incident("incident:acknowledge", {}),
    ("POST", "/api/incidents/{incident_id}/follow-ups"): _incident("incident:create", {"text": "已送医"}),
    ("POST", "/api/incidents/{incident_id}/conclude"): _incident("incident:conclude", {"conclusion": "意外"}),
    ("POST", "/api/incidents/{incident_id}/documents"): _incident("incident:create", {}),
    ("POST", "/api/incidents/{incident_id}/withdraw"): _incident("incident:conclude", WHY),
    # the city
    # the register of people
    ("GET", "/api/persons"): Rule(("person:read",)),
    ("POST", "/api/persons"): _case("person:write", body=lambda t: {"case_id": t.ids["case_id"]}),
    ("POST", "/api/persons/search"): Rule(
        ("person:read", "identity:read"), body=lambda _: {"name": "王", "reason": "family_asks"}
    ),
    ("POST", "/api/persons/families"): _person(lambda t: {**_of_case(t), "person_ids": [t.ids["person_id"]]}),
    ("GET", "/api/persons/{person_id}"): Rule(("person:read",), "person"),
    **{
        ("POST", f"/api/persons/{{person_id}}/subject-access{form}"): Rule(
            ("person:read", "identity:read"), "person", lambda _: {"given_to": "person", "reason": "wants_to_know"}
        )
        for form in ("", "/pdf")
    },
    ("POST", "/api/persons/{person_id}/describe"): _person(lambda _: {"sex": "male"}),
    ("POST", "/api/persons/{person_id}/identify"): _person(
        lambda _: {"identity": {"name": "王"}, "source": "own_word"}
    ),
    ("POST", "/api/persons/{person_id}/withdraw-identity"): _person(lambda _: {}),
    ("POST", "/api/persons/{person_id}/merge"): _person(lambda t: {"other_id": t.body["other"]}),
    ("POST", "/api/persons/{person_id}/unmerge"): _person(lambda _: {}),
    ("POST", "/api/persons/{person_id}/keep-apart"): _person(lambda t: {"other_id": t.body["other"]}),
    ("POST", "/api/persons/{person_id}/link"): _person(lambda t: _of_case(t)),
    ("POST", "/api/persons/{person_id}/unlink"): _person(lambda t: _of_case(t)),
    ("POST", "/api/persons/{person_id}/photos"): _person(lambda _: Form(id=str(new_id()))),
    ("GET", "/api/persons/{person_id}/photos/{photo_id}"): Rule(("person:read",), "person"),
    # documents
    ("GET", "/api/documents"): Rule(("document:read",)),
    ("GET", "/api/documents/{document_id}/pdf"): Rule(("document:read",), "document"),
    ("GET", "/api/documents/check/{code}"): Rule(about="document_code"),
    ("POST", "/api/referrals/{referral_id}/documents/hand-over"): Rule(("document:issue",), "referral", lambda _: {}),
    ("POST", "/api/cases/{case_id}/documents/hand-over"): _case("document:issue", body={}),
    ("POST", "/api/stays/{stay_id}/documents"): Rule(
        ("document:issue",), "stay", lambda _: {"kind": "leave_declaration"}
    ),
    ("POST", "/api/facilities/{facility_id}/no-help-notice"): Rule(
        ("document:issue",), "station", lambda _: {"no_help": {"ground": "has_support", "told": "表兄家"}}
    ),
    # the station desk
    ("GET", "/api/returnees"): Rule(("returnee:read",)),
    ("GET", "/api/returnees/list.xlsx"): Rule(("returnee:write",)),
    ("POST", "/api/returnees/told"): Rule(("returnee:write",), body=lambda _: {"region": "411500"}),
    ("GET", "/api/returnees/figures"): Rule(("returnee:read",)),
    ("GET", "/api/returnees/{returnee_id}"): Rule(("returnee:read",), "returnee"),
    ("POST", "/api/returnees"): Rule(
        ("returnee:write",), "returnee", lambda t: {"person_id": t.body["person_id"], "home": A_HOME}
    ),
    ("POST", "/api/returnees/{returnee_id}/move"): Rule(("returnee:write",), "returnee", lambda _: {"home": A_HOME}),
    ("POST", "/api/returnees/{returnee_id}/end"): Rule(
        ("returnee:write",), "returnee", lambda _: {"reason": "mistake", "note": "认错人"}
    ),
    ("GET", "/api/home-visits"): Rule(("visit:read",)),
    ("POST", "/api/home-visits/{visit_id}/done"): Rule(("visit:do",), "returnee", lambda _: {"outcome": "not_at_home"}),
    ("GET", "/api/station"): Rule(("stay:read",)),
    ("POST", "/api/stays"): Rule(
        ("stay:write",), "station", lambda t: {"facility_id": t.body["facility_id"], "person": {}}
    ),
    ("GET", "/api/stays/{stay_id}"): Rule(("stay:read",), "stay"),
    ("POST", "/api/stays/{stay_id}/identify"): _stay({"identity": {"name": "王"}, "source": "own_word"}),
    ("GET", "/api/stays/{stay_id}/search-notice"): Rule(("stay:write",), "stay"),
    ("POST", "/api/stays/{stay_id}/search-notice"): _stay({"notice": {"title": "寻亲", "text": "男"}}),
    ("POST", "/api/stays/{stay_id}/renew"): _stay({}),
    ("POST", "/api/stays/{stay_id}/dna-request"): _stay({}),
    ("POST", "/api/stays/{stay_id}/dna-answer"): _stay({"matched": False}),
    ("POST", "/api/stays/{stay_id}/settle"): _stay({}),
    ("POST", "/api/stays/{stay_id}/prolong"): _stay({"until": "2016-12-01T00:00:00+08:00", **WHY}),
    ("POST", "/api/stays/{stay_id}/leave"): _stay({"leaving": {"how": "home"}}),
    ("GET", "/api/board"): Rule(("case:read",)),
    ("GET", "/api/events"): Rule(("event:read",)),
    ("GET", "/api/teams"): Rule(("team:read",)),
    ("POST", "/api/teams/{team_id}/duty"): Rule(("team:duty",), "team", lambda _: {"state": "on_duty"}),
    ("GET", "/api/teams/all"): Rule(("team:write",)),
    ("POST", "/api/teams"): Rule(("team:write",), body=lambda _: _new_team()),
    ("POST", "/api/teams/{team_id}"): Rule(("team:write",), "team", lambda _: {}),
    ("GET", "/api/shifts"): Rule(("team:read",)),
    ("POST", "/api/shifts"): Rule(("team:write",), "team", lambda t: {**_SHIFT, "team_id": t.ids["team_id"]}),
    ("POST", "/api/shifts/{shift_id}/cancel"): Rule(("team:write",), "shift", lambda _: {}),
    ("GET", "/api/facilities/fitting"): Rule(("facility:read",)),
    ("POST", "/api/facilities"): Rule(("facility:write",), body=lambda _: _new_facility()),
    ("POST", "/api/facilities/{facility_id}"): Rule(("facility:write",), "facility", lambda _: {}),
    ("GET", "/api/log/search"): Rule(("event:read",)),
    ("GET", "/api/circle"): Rule(("circle:read",)),
    ("GET", "/api/circle/moves"): Rule(("circle:read", "team:read")),
    # the map and what lies on it
    ("GET", "/api/map"): OPEN,
    ("GET", "/api/map/tiles/{z}/{x}/{y}"): Rule(about="tile"),
    ("GET", "/api/map/sightings"): Rule(("case:read", "sighting:read")),
    ("GET", "/api/map/tracks"): Rule(("team:read",)),
    ("GET", "/api/teams/{team_id}/track"): Rule(("team:read",), "team", reads=True),
    ("GET", "/api/cases/{case_id}/routes/{team_id}"): _reads("case:read", "decision:read", "team:read"),
    ("GET", "/api/places/search"): OPEN,
    ("GET", "/api/places/at"): OPEN,
    ("GET", "/api/policy"): Rule(("policy:read",)),
    ("GET", "/api/policy/text"): Rule(("policy:read",)),
    ("POST", "/api/policy/preview"): Rule(("policy:write",), body=lambda _: {"text": ""}),
    ("POST", "/api/policy"): Rule(("policy:write",), body=lambda _: _a_policy()),
    # what was, and what it came to
    ("GET", "/api/replay/board"): Rule(("event:read", "case:read")),
    ("GET", "/api/replay/positions"): Rule(("team:read",)),
    ("GET", "/api/replay/marks"): Rule(("event:read",)),
    ("GET", "/api/figures"): Rule(("stats:read",)),
    ("GET", "/api/statistics/people"): Rule(("stats:read",)),
    # from one shift to the next
    ("GET", "/api/shift-notes"): Rule(("case:approve",)),
    ("GET", "/api/shift-notes/draft"): Rule(("case:approve",)),
    ("POST", "/api/shift-notes"): Rule(("case:approve",), body=lambda _: {"id": str(new_id()), "text": "无事"}),
    ("POST", "/api/shift-notes/{note_id}/taken"): Rule(("case:approve",), "note"),
    ("GET", "/api/weather"): Rule(("circle:read",)),
    ("GET", "/api/weather/observed"): Rule(("circle:read",)),
    ("POST", "/api/weather/observed"): Rule(
        ("weather:observe",), "city", lambda _: {"at": "2001-01-01T00:00:00Z", "temperature_c": -8.0}
    ),
    ("POST", "/api/weather"): Rule(("weather:write",), "city", lambda _: {"state": "clear"}),
    ("GET", "/api/warnings"): Rule(("circle:read",)),
    ("POST", "/api/warnings"): Rule(("weather:write",), "city", lambda _: {"cap": "<alert/>"}),
    ("GET", "/api/campaigns"): Rule(("campaign:read",)),
    ("GET", "/api/campaigns/{campaign_id}"): Rule(("campaign:read",), "campaign"),
    **{
        ("GET", f"/api/campaigns/{{campaign_id}}/report{kind}"): Rule(("campaign:read",), "campaign")
        for kind in ("", ".pdf", ".xlsx")
    },
    ("GET", "/api/campaigns/{campaign_id}/coverage"): Rule(("campaign:read",), "campaign"),
    ("GET", "/api/campaigns/{campaign_id}/cells/{cell}"): Rule(("campaign:read",), "campaign"),
    ("GET", "/api/stock"): Rule(("stock:read",)),
    ("GET", "/api/stock/moves"): Rule(("stock:read",)),
    ("POST", "/api/stock/moves"): Rule(("stock:write",), "team", lambda t: _moved_to(t)),
    ("POST", "/api/stock/counts"): Rule(("stock:write",), "team", lambda t: _counted_at(t)),
    ("POST", "/api/campaigns"): Rule(("campaign:open",), "campaign", lambda t: _to_open(t.regions[0])),
    ("POST", "/api/campaigns/{campaign_id}/approve"): Rule(("campaign:open",), "campaign", lambda _: {}),
    ("POST", "/api/campaigns/{campaign_id}/decline"): Rule(("campaign:open",), "campaign", lambda _: {"note": "说明"}),
    ("POST", "/api/campaigns/{campaign_id}/close"): Rule(("campaign:open",), "campaign", lambda _: {"note": "说明"}),
    ("POST", "/api/campaigns/{campaign_id}/points/{facility_id}/open"): Rule(
        ("campaign:open",), "campaign", lambda _: {}
    ),
    ("POST", "/api/campaigns/{campaign_id}/points/{facility_id}/close"): Rule(
        ("campaign:open",), "campaign", lambda _: {}
    ),
    # accounts and keys
    ("GET", "/api/accounts"): Rule(("account:read",)),
    ("POST", "/api/accounts"): Rule(("account:write",), body=lambda _: _new_account()),
    ("GET", "/api/accounts/{account_id}"): Rule(("account:read",), "account", own=True),
    ("PATCH", "/api/accounts/{account_id}"): Rule(("account:write",), "account", lambda _: {}),
    ("POST", "/api/accounts/{account_id}/password"): Rule(
        ("account:write",), "account", lambda _: {"password": "shorter"}, own=True
    ),
    ("POST", "/api/accounts/{account_id}/unlock"): Rule(("account:write",), "account"),
    ("DELETE", "/api/accounts/{account_id}/second-factor"): Rule(("account:write",), "stranger"),
    ("DELETE", "/api/accounts/{account_id}/sessions"): Rule(("account:write",), "stranger", hidden=True),
    ("GET", "/api/accounts/{account_id}/sessions"): Rule(("account:read",), "account", hidden=True, own=True),
    ("GET", "/api/keys"): Rule(("key:write",)),
    ("POST", "/api/keys"): Rule(("key:write",), body=lambda _: {"partner": "city-110"}),
    ("DELETE", "/api/keys/{key_id}"): Rule(("key:write",), "key"),
    ("POST", "/api/keys/{key_id}/rotate"): Rule(("key:write",), "key", lambda _: {}),
    ("POST", "/api/keys/{key_id}/webhook"): Rule(("key:write",), "key", lambda _: {"url": None}),
    # where one is told
    ("GET", "/api/devices/keys"): OPEN,
    ("POST", "/api/devices"): Rule(about="signed_in", body=lambda _: a_browser()),
    ("DELETE", "/api/devices/{device_id}"): Rule(about="device"),
    ("POST", "/api/notices/{notice_id}/received"): Rule(about="notice", body=lambda _: {"code": "x", "shown": True}),
    # last: it ends the session that asks
    ("DELETE", "/api/sessions/current"): OPEN,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared: Api) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.limits.limiter.Limiter.demand", anything)
        yield await build_world(shared)


_logins = iter(range(10_000))


def _to_open(region: str) -> dict[str, Any]:
    """The same again, which runs already: whoever may reads that."""
    return {"hazard": "snow", "note": "说明", "regions": [region]}


def _a_policy() -> dict[str, Any]:
    """One that is not put in force: it was written over another than the one that is."""
    return {"id": str(new_id()), "text": "", "expected_digest": "another", "reason": "说明"}


def _new_account() -> dict[str, Any]:
    login = f"new-{next(_logins)}"
    return {"login": login, "name": "新", "password": "correct horse", "roles": ["checker"], "regions": [ZHONGSHAN]}


def _new_team() -> dict[str, Any]:
    return a_team(f"new-{next(_logins)}")


def _new_facility() -> dict[str, Any]:
    return a_facility(f"new-{next(_logins)}")


def _a_find() -> dict[str, Any]:
    return {"case_id": str(new_id()), "place": {"lon": IN_ZHONGSHAN[0], "lat": IN_ZHONGSHAN[1]}}


def _of_a_cell() -> dict[str, Any]:
    return {"campaign_id": str(new_id()), "cell": A_CELL, "reason": "没有信号"}


def _moved_to(team: Thing) -> dict[str, Any]:
    return {"item": "water", "amount": 1, "from": "supplier", "to": f"team:{team.ids.get('team_id')}"}


def _counted_at(team: Thing) -> dict[str, Any]:
    return {"item": "water", "amount": 1, "place": f"team:{team.ids.get('team_id')}"}


def _a_call() -> dict[str, Any]:
    return {"id": str(new_id()), "started_at": START.isoformat(), "draft": {}}


def expected(policy: Policy, rule: Rule, who: Person, thing: Thing | None) -> int:
    """200 for allowed, else the status that refuses."""
    nobody, stranger = (401, who.me.kind == "public") if "Authorization" not in who.headers else (403, False)
    if rule.about in ("signed_in", "device"):
        return 200 if who.me.kind == "account" else nobody
    if rule.about == "my_team" and who.me.team_id is None:
        return nobody
    if rule.own and thing is not None and thing.owner == who.me.id:
        return 200
    for action in rule.actions:
        lines = [line.partition("@") for role in who.me.roles for line in policy.roles.get(role, ())]  # type: ignore[call-overload]
        limited = who.me.only is not None and action not in who.me.only
        scopes = {scope for held, _, scope in lines if held == action and not limited}
        if not scopes:
            return 404 if rule.hidden else nobody
        if thing is not None and not any(_inside(scope, who, thing, rule) for scope in scopes):
            return 404
    assert not stranger or not rule.actions
    return 200


def _inside(scope: str, who: Person, thing: Thing, rule: Rule) -> bool:
    teams = (*thing.teams, *thing.asked) if rule.reads else thing.teams
    return (
        scope == "all"
        or (scope == "region" and not set(who.me.regions).isdisjoint(thing.regions))
        or (scope == "team" and who.me.team_id in teams)
        or (scope == "facility" and who.me.facility_id in thing.facilities)
        or (scope == "own" and thing.owner == who.me.id and (rule.reads or rule.about == "my_team"))
    )


def _never_write(*_: object, **__: object) -> None:
    raise Conflict("测试到此为止。", "The test stops before anything is written.", code="stopped_before_writing")


PAGES = ("/", "/check", "/icon.svg", "/m")
"""The web apps themselves: files for everybody, without data (tests/api/test_pages.py)."""


def _answered(api: Api) -> set[tuple[str, str]]:
    """Every method and address the application answers."""
    return {
        (str(method), route.path_format)
        for route in api.app.routes
        if not route.path.startswith(("/schema", "/assets", "/check/", "/m/")) and route.path not in PAGES
        for method in getattr(route, "methods", ())
        if method not in ("OPTIONS", "HEAD")
    }


async def test_every_route_stands_in_the_table(shared: Api) -> None:
    assert _answered(shared) == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: str(part))
async def test_a_route_answers_those_it_is_for_and_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    for module in (
        approvals,
        case_photos,
        desk,
        distress,
        found,
        offers,
        revisits,
        stock,
        verification,
        on_the_spot,
        offering,
        answering,
        reporting,
    ):
        monkeypatch.setattr(module, "record", _stopping)
    monkeypatch.setattr(register, "tell", _stopping)
    monkeypatch.setattr(person_photos, "write_row", _stopping)
    if path == "/api/shifts/{shift_id}/cancel":
        monkeypatch.setattr(shifts, "keep_answer", _stopping)
    for module in (campaigns, points):
        monkeypatch.setattr(module, "record", _stopping)
    rule = ROUTES[method, path]
    things: Iterable[Thing | None] = world.things.get(rule.about, [None])
    for name, who in world.people.items():
        if path == "/api/sessions/current" and who.me.kind == "account":
            who = await world.api.sign_in(await _login_of(world, who))
        for thing in things:
            wanted = expected(world.api.office.city.policy, rule, who, _asked_about(rule, thing))
            address = path.format(**(thing.ids if thing else {}))
            answer = await _asks(who, method, address, rule, thing or Thing("", {}))
            told = (name, thing and thing.name, answer.status_code, answer.text[:300])
            if wanted == 200:
                assert _is_allowed(answer, rule), told
            else:
                assert problem_of(answer)["status"] == wanted, told


async def _asks(who: Person, method: str, address: str, rule: Rule, thing: Thing) -> httpx.Response:
    body = rule.body(thing) if rule.body else None
    return await (who.upload(address, None, **body) if isinstance(body, Form) else who.send(method, address, body))


async def _stopping(*_: object, **__: object) -> None:
    _never_write()


def _asked_about(rule: Rule, thing: Thing | None) -> Thing | None:
    """Offers are asked about as the team's they are held out to."""
    if rule.about == "offer" and thing is not None:
        return Thing(thing.name, thing.ids, thing.regions, thing.asked)
    return None if rule.about == "my_team" or rule.about in NOBODY_S else thing


async def _login_of(world: World, who: Person) -> str:
    admin = await world.api.person("admin")
    return str((await admin.saw(f"/api/accounts/{who.me.id}"))["login"])


def _is_allowed(answer: Any, rule: Rule) -> bool:
    """It went through, or something else than permission stopped it: the stage, the body, a thing that nobody has."""
    if rule.about in NOBODY_S:
        return answer.status_code not in (401, 403, 500)
    return answer.status_code not in (401, 403, 404, 500, 503)


async def test_who_has_to_set_up_a_second_factor_first_can_do_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever asks for a permission refuses, and says why."""
    who = await world.api.person("dispatcher", "shift_leader", "admin", regions=(ZHONGSHAN,))
    monkeypatch.setattr(sessions, "needs_second_factor", lambda *_: True)
    sessions.forget(account_id=UUID(who.me.id))
    assert (await who.saw("/api/sessions/me"))["only"] == []
    for (method, path), rule in ROUTES.items():
        if rule.actions and rule.about != "my_team":
            thing = world.things.get(rule.about, [Thing("", {})])[0]
            answer = await _asks(who, method, path.format(**thing.ids), rule, thing)
            assert problem_of(answer)["status"] in ((404,) if rule.hidden else (403, 404)), path
            if rule.about in ("nothing", "case") and not path.startswith("/api/cases/{"):
                assert problem_of(answer)["code"] == "second_factor_needed", path
    assert problem_of(await who.post("/api/second-factor", {"password": "wrong"}))["code"] == "wrong_password"


@pytest.mark.parametrize("role", ["dispatcher", "officer", "grid_worker", "partner", "civil_affairs", "station_staff"])
async def test_lists_show_what_single_questions_would(world: World, role: str) -> None:
    """The list, the board and each case by itself are one answer."""
    who = world.people[role]
    listed = {case["id"] for case in (await who.saw("/api/cases", limit=200))["cases"]}
    shown = {case["id"] for case in (await who.saw("/api/board"))["board"]["cases"]}
    known = {thing.ids["case_id"]: thing for thing in world.things["case"]}
    for case_id, thing in known.items():
        seen = (await who.get(f"/api/cases/{case_id}")).status_code == 200
        assert seen == (case_id in listed) == (case_id in shown), thing.name
    rule = ROUTES["GET", "/api/cases/{case_id}"]
    policy = world.api.office.city.policy
    assert listed & set(known) == {id_ for id_, thing in known.items() if expected(policy, rule, who, thing) == 200}
