"""The life of an incident and of its levels, and what a whole report is."""

from datetime import UTC, datetime
from itertools import product
from typing import Any, get_args

import pytest

from backend.dispatch.protection import Handling, PersonMet
from backend.dispatch.records import IncidentKind, IncidentState
from backend.errors import Conflict, Invalid
from backend.referral.incidents.form import IncidentForm, demand_whole, kinds_of, missing
from backend.referral.incidents.states import KIND_NAMES, RECIPIENT_STEPS, STEPS, IncidentAction, step

AT = datetime(2016, 11, 19, 8, tzinfo=UTC)
WHOLE = IncidentForm(
    what="老人无呼吸", place="中山路桥下", who="男，七十岁上下", measures="胸外按压，120 到场",
    police_told_at=AT, police_told_by="李队", medics_told_at=AT, family_unknown=True,
)  # fmt: skip


@pytest.mark.parametrize(("state", "action"), list(product(get_args(IncidentState), get_args(IncidentAction))))
def test_what_may_be_done_in_a_state_stands_in_the_table_and_all_else_is_refused_with_the_state(
    state: IncidentState, action: IncidentAction
) -> None:
    if (state, action) in STEPS:
        assert step(state, action) == STEPS[state, action]
    else:
        with pytest.raises(Conflict) as refused:
            step(state, action)
        assert refused.value.extra["state"] == state


def test_what_is_over_is_never_taken_up_again_and_whoever_acknowledged_is_told_no_more() -> None:
    assert {state for state, _ in STEPS} == {"open"}
    assert {state for state, _ in RECIPIENT_STEPS} == {"waiting"}


@pytest.mark.parametrize("kind", get_args(IncidentKind))
def test_a_whole_report_lacks_nothing_and_every_kind_has_a_name(kind: IncidentKind) -> None:
    assert missing(WHOLE, kind, knows_who=False) == []
    assert all(KIND_NAMES[kind])


@pytest.mark.parametrize(
    ("kind", "lacks", "changes"),
    [
        ("death", "what", {"what": " "}),
        ("death", "place", {"place": ""}),
        ("death", "who", {"who": ""}),
        ("accident", "measures", {"measures": ""}),
        ("missing", "police_told_at", {"police_told_by": ""}),
        ("abuse", "police_told_at", {"police_told_at": None}),
        ("accident", "medics_told_at", {"medics_told_at": None}),
        ("violence", "family_told_at", {"family_unknown": False}),
    ],
)
def test_what_a_report_lacks_is_named(kind: IncidentKind, lacks: str, changes: dict[str, Any]) -> None:
    values = {name: getattr(WHOLE, name) for name in IncidentForm.__struct_fields__}
    with pytest.raises(Invalid) as refused:
        demand_whole(IncidentForm(**{**values, **changes}), kind, knows_who=False)
    assert refused.value.extra["missing"] == [f"form.{lacks}"]


def test_an_accident_needs_no_police_and_somebody_of_the_register_no_description() -> None:
    bare = IncidentForm(what="摔伤", place="站内", measures="包扎", no_medics="轻伤", family_unknown=True)
    assert missing(bare, "accident", knows_who=True) == []


def test_what_a_record_says_and_suspects_goes_up_each_once() -> None:
    people = (PersonMet(suspicions=("abuse", "domestic_violence")), PersonMet(suspicions=("abuse", "other_crime")))
    handling = Handling(outcome="to_hospital", handled_at=AT, incident="accident", people=people)
    assert kinds_of(handling) == ["accident", "abuse", "violence"]
    assert kinds_of(Handling(outcome="not_found", handled_at=AT)) == []
