"""The life of a referral 转介: one table `(state, action) → state`, and what each state means. Pure.

offered: asked, a place is held. accepted: they may come. arrived: they stand at the door. handed_over: both sides have signed.
not_used: nobody answered, or nobody came, in time. A referral that is over is never taken up again: a new one is made.
"""

from typing import Final, Literal

from backend.dispatch.records import ReferralState
from backend.errors import Conflict

ReferralAction = Literal["accept", "refuse", "withdraw", "arrive", "hand_over", "give_up"]

STEPS: Final[dict[tuple[ReferralState, ReferralAction], ReferralState]] = {
    ("offered", "accept"): "accepted",
    ("offered", "refuse"): "refused",
    ("offered", "withdraw"): "withdrawn",
    ("offered", "give_up"): "not_used",
    ("accepted", "arrive"): "arrived",
    ("accepted", "hand_over"): "handed_over",
    ("accepted", "refuse"): "refused",
    ("accepted", "withdraw"): "withdrawn",
    ("accepted", "give_up"): "not_used",
    ("arrived", "hand_over"): "handed_over",
    ("arrived", "refuse"): "refused",
    ("arrived", "withdraw"): "withdrawn",
}
HOLDING: Final[frozenset[ReferralState]] = frozenset({"offered", "accepted", "arrived"})
"""A place is held for them, and nobody else is asked to take them. In each of these somebody has to act, so a clock runs."""

STATE_NAMES: Final[dict[ReferralState, tuple[str, str]]] = {
    "offered": ("待答复", "waiting for an answer"),
    "accepted": ("已接收，在途", "accepted, on the way"),
    "arrived": ("已到达，待交接", "arrived, to be handed over"),
    "handed_over": ("已交接", "handed over"),
    "refused": ("被拒绝", "refused"),
    "withdrawn": ("已取消", "taken back"),
    "not_used": ("已失效", "lapsed"),
}


def step(state: ReferralState, action: ReferralAction) -> ReferralState:
    """The state after the action. Raises Conflict `wrong_state` with the state it is in."""
    after = STEPS.get((state, action))
    if after is None:
        zh, en = STATE_NAMES[state]
        raise Conflict(
            f"该转介{zh}，不能这样操作。",
            f"The referral is {en}; that cannot be done.",
            code="wrong_state",
            state=state,
        )
    return after
