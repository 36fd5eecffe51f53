"""The whole OpenAPI document against a real server: no answer that it does not describe, nothing in it that nobody reached.

First a day in good order, each operation once; then what schemathesis makes of the document, right and wrong, with those
requests as its examples: every case as somebody who may, and a part of them as each kind of people. There is no stateful
phase: the document has no links, and any order of commands is walked by tests/dispatch/test_any_order.py.
"""

import asyncio
import functools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.access.builders import cheapen_passwords
from tests.api.builders import Api, Person
from tests.api.by_the_document import Asking, Watched, vary
from tests.api.conftest import anything
from tests.api.good_requests import Staff, every_good_request, hire, lay_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


_ONE_TEAM = "one team has one case at a time, and leaves the step with the first success"
_ONE_PERSON = "people of the register are told apart: which two, or which case, no chance finds"
_ONE_STAY = "only its own station's staff, in the order in which things are done for somebody"
ONLY_IN_ORDER = {
    **{
        f"POST /api/persons/{{person_id}}/{verb}": _ONE_PERSON
        for verb in ("keep-apart", "link", "merge", "photos", "unlink", "unmerge", "withdraw-identity", "identify")
    },
    "POST /api/persons/families": _ONE_PERSON,
    **{
        f"POST /api/stays/{{stay_id}}/{verb}": _ONE_STAY
        for verb in ("dna-answer", "dna-request", "identify", "leave", "prolong", "renew", "search-notice", "settle")
    },
    "POST /api/stays": _ONE_STAY,
    "POST /api/returnees/told": "a place of another city of which somebody waits to be told; no chance finds it",
    "POST /api/stays/{stay_id}/documents": _ONE_STAY,
    "POST /api/referrals/{referral_id}/documents/hand-over": "only once both have signed",
    "POST /api/cases/{case_id}/documents/hand-over": "only once both have signed",
    "DELETE /api/sessions/{session_id}": "a session ends once",
    "POST /api/accounts": "a login is given once",
    "POST /api/campaigns/{campaign_id}/points/{facility_id}/close": "a point is closed once",
    "POST /api/campaigns/{campaign_id}/points/{facility_id}/open": "a point is opened once, by its own id and its campaign's",
    "POST /api/cases/{case_id}/arrive": _ONE_TEAM,
    "POST /api/cases/{case_id}/handle": _ONE_TEAM,
    "POST /api/cases/{case_id}/photos": "only the team that has the case",
    "POST /api/cases/{case_id}/resume": "only what was suspended, which needs another's leave",
    "POST /api/cases/{case_id}/set-out": _ONE_TEAM,
    "POST /api/cases/{case_id}/split": "only sightings of this very case, and not all of them",
    "POST /api/cases/{case_id}/withdraw": _ONE_TEAM,
    "POST /api/distress/{distress_id}/over": "only once it was answered",
    "POST /api/officer/found": _ONE_TEAM,
    "POST /api/offers/{offer_id}/accept": _ONE_TEAM,
    "POST /api/offers/{offer_id}/decline": _ONE_TEAM,
    "GET /api/facilities/fitting": "the people are JSON within the address, and a place lies in the city",
    "POST /api/referrals": "a person of a case is referred to one receiver at a time",
    "POST /api/second-factor/confirm": "the code is another one every 30 s",
}
"""Operations that only the good request in its order reaches, and why nothing that schemathesis makes does."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(shared: Api) -> AsyncIterator[Watched]:
    """Everything asked of the server in good order, then varied as everybody."""
    with pytest.MonkeyPatch.context() as patch:
        cheapen_passwords(patch)
        patch.setattr("backend.limits.limiter.Limiter.demand", anything)
        found = Watched((await shared.http.get("/schema/openapi.json")).json())
        staff = await hire(shared)
        shared.http.event_hooks["response"].append(found.look)
        await every_good_request(shared, staff)
        shared.http.event_hooks["response"].clear()
        found.stock = await lay_in(shared, staff)
        for who in _everybody(shared, staff, found):
            await asyncio.to_thread(vary, found, f"http://127.0.0.1:{shared.port}", who)
        yield found


def _everybody(api: Api, staff: Staff, found: Watched) -> list[Asking]:
    """Whoever may, with every case; then each kind of people with some of them."""

    def whoever_may(label: str) -> dict[str, str]:
        if label.split(" ")[1].startswith(("/api/sessions", "/api/second-factor")):
            return staff.victims[1].headers
        return found.good[label].headers

    kinds = {
        "public": api.public,
        "desk": staff.desk,
        "officer": staff.officer,
        "partner": staff.partner,
        "admin": staff.admin,
    }
    some = [Asking(name, functools.partial(_as, who), every=6) for name, who in kinds.items()]
    return [Asking("whoever may", whoever_may, examples=8), *some]


def _as(who: Person, label: str) -> dict[str, str]:
    return who.headers


async def test_no_answer_is_other_than_the_document_says(watched: Watched) -> None:
    assert watched.asked > 3_000
    assert watched.faults == []


async def test_every_operation_of_the_document_was_reached(watched: Watched) -> None:
    assert watched.operations() - watched.reached == set()
    assert set(ONLY_IN_ORDER) <= watched.operations()
    never = watched.operations() - watched.varied - set(ONLY_IN_ORDER)
    assert never == set(), "nothing that was made of the document got through"
