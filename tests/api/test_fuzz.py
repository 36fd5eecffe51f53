"""Chance sends in reports: every answer is a receipt or a refusal in words, never a fault of ours."""

from typing import Any, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.ids import new_id
from backend.policy.permissions import Danger
from tests.api.builders import Api, problem_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unlimited")]

COMMON = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
words = st.text(max_size=60)
leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    words,
)
anything = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)
LOOKS = st.fixed_dictionaries(
    {},
    optional={
        "sex": st.sampled_from(["male", "female", "unknown"]),
        "age_band": st.sampled_from(["infant", "child", "teen", "adult", "old", "unknown"]),
        "posture": st.sampled_from(["lying", "sitting", "standing", "walking", "unknown"]),
        "colours": st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40), max_size=20),
        "moving_deg": st.floats(0, 360),
    },
)
# Everywhere on earth but the one place that stands for no place.
PLACE = st.fixed_dictionaries(
    {"lon": st.floats(1, 180), "lat": st.floats(-85, 85)},
    optional={"crs": st.sampled_from(["wgs84", "gcj02", "bd09"]), "accuracy_m": st.floats(0, 100_000)},
)
NEAR = st.fixed_dictionaries({"lon": st.floats(121.58, 121.66), "lat": st.floats(38.88, 38.93)})
PLACES: st.SearchStrategy[Any] = st.one_of(NEAR, PLACE)
GOOD: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"place": PLACES},
    optional={
        "channel": st.sampled_from(["web", "app"]),
        "people_count": st.integers(1, 999),
        "looks": LOOKS,
        "dangers": st.lists(st.sampled_from(list(get_args(Danger))), max_size=20),
        "description": st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
        "address": st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        "contact": st.fixed_dictionaries(
            {},
            optional={
                "phone": st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
                "call_back": st.booleans(),
            },
        ),
    },
)
FIELDS = (
    "place",
    "channel",
    "id",
    "occurred_at",
    "people_count",
    "looks",
    "dangers",
    "description",
    "address",
    "contact",
)
SWAPPED = ("place_swapped", "place_out_of_range")


async def _sent(api: Api, body: Any) -> httpx.Response:
    content = (
        httpx.Request("POST", "http://x", json=body).content if _is_text(body) else str(body).encode("utf-8", "replace")
    )
    return await api.http.post("/api/reports", content=content, headers={"content-type": "application/json"})


def _is_text(body: Any) -> bool:
    """Whether it can be sent as UTF-8 at all."""
    try:
        str(body).encode()
    except UnicodeEncodeError:
        return False
    return True


@COMMON
@given(report=GOOD)
async def test_a_report_as_the_document_describes_it_is_taken(shared: Api, report: dict[str, Any]) -> None:
    answer = await _sent(shared, {**report, "id": str(new_id())})
    if answer.status_code != 201:
        assert problem_of(answer)["code"] in SWAPPED, (report, answer.text)
    else:
        receipt = answer.json()
        assert (await shared.http.get(f"/api/reports/{receipt['receipt']}")).status_code == 200


@COMMON
@given(report=GOOD, field=st.sampled_from([*FIELDS, "place.lon", "looks.colours", "contact.phone"]), value=anything)
async def test_a_report_with_one_thing_wrong_is_answered_in_words(
    shared: Api, report: dict[str, Any], field: str, value: Any
) -> None:
    name, _, part = field.partition(".")
    body = {**report, name: {**report.get(name, {}), part: value} if part else value}
    answer = await _sent(shared, body)
    if answer.status_code != 201:
        assert problem_of(answer)["status"] in (400, 422)


@COMMON
@given(body=anything)
async def test_any_json_at_all_is_answered_in_words(shared: Api, body: Any) -> None:
    for path in ("/api/reports", "/api/reports/similar", "/api/sessions"):
        answer = await shared.http.post(
            path, content=httpx.Request("POST", "http://x", json=body).content if _is_text(body) else b"x"
        )
        assert problem_of(answer)["status"] in (400, 401, 422)


@COMMON
@given(body=st.binary(max_size=200))
async def test_any_bytes_at_all_are_answered_in_words(shared: Api, body: bytes) -> None:
    answer = await shared.http.post("/api/reports", content=body, headers={"content-type": "application/json"})
    assert problem_of(answer)["status"] in (400, 422)
