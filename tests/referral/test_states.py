"""The life of a referral: every row of the table by a real verb, and nothing besides."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any, get_args

import pytest

from backend.dispatch.records import ReferralState
from backend.errors import Conflict
from backend.referral.states import HOLDING, STATE_NAMES, STEPS, ReferralAction, step
from tests.referral.builders import Stations

STATES, ACTIONS = get_args(ReferralState), get_args(ReferralAction)


async def _in_state(stations: Stations, state: str) -> Any:
    """A referral in this state, of a case on the spot."""
    case_id = await stations.town.arrived()
    id_ = await stations.offer(await stations.town.crew(case_id), case_id=case_id)
    way: dict[str, list[Callable[[Any], Awaitable[object]]]] = {
        "offered": [],
        "accepted": [stations.accept],
        "arrived": [stations.accept, stations.arrive],
        "handed_over": [stations.accept, stations.hand_over],
        "refused": [stations.refuse],
        "withdrawn": [stations.withdraw],
        "not_used": [stations.accept, lambda _: stations.pass_(hours=5)],
    }
    for verb in way[state]:
        await verb(id_)
    assert (await stations.one(id_)).state == state
    return id_


@pytest.mark.parametrize(("state", "action"), list(product(STATES, ACTIONS)))
async def test_every_row_of_the_table_is_reached_and_nothing_else_is_done(
    stations: Stations, state: ReferralState, action: ReferralAction
) -> None:
    await stations.add()
    id_ = await _in_state(stations, state)
    verbs: dict[str, Callable[[], Awaitable[object]]] = {
        "accept": lambda: stations.accept(id_),
        "refuse": lambda: stations.refuse(id_),
        "withdraw": lambda: stations.withdraw(id_),
        "arrive": lambda: stations.arrive(id_),
        "hand_over": lambda: stations.hand_over(id_),
        "give_up": lambda: stations.pass_(hours=5),
    }
    if (after := STEPS.get((state, action))) is not None:
        await verbs[action]()
        if (state, action) == ("offered", "give_up"):  # rung by rung
            for _ in range(4):
                await stations.pass_(hours=1)
        assert (await stations.one(id_)).state == after == step(state, action)
    elif action == "give_up":
        await verbs[action]()
        assert (await stations.one(id_)).state == state
    else:
        with pytest.raises(Conflict) as refused:
            await verbs[action]()
        assert refused.value.code == "wrong_state"
        assert STATE_NAMES[state][0] in refused.value.zh
    await stations.town.is_sound()


def test_a_state_either_holds_a_place_and_can_go_on_or_is_over() -> None:
    assert set(STATE_NAMES) == set(STATES)
    assert {state for state, _ in STEPS} == HOLDING
    assert set(STEPS.values()) == set(STATES) - {"offered"}
