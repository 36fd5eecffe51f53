"""The life of an incident, and of each level that is told of it: tables `(state, action) → state`. Pure.

open: something is owed, first the report, then follow-ups. concluded, withdrawn: over. A level waits until somebody of that role has
acknowledged; absent: nobody there has the role; passed: a higher level has ended it.
"""

from typing import Final, Literal

from backend.dispatch.records import IncidentCause, IncidentKind, IncidentState, RecipientState
from backend.errors import Conflict

IncidentAction = Literal["complete", "acknowledge", "follow_up", "remind", "conclude", "withdraw"]
RecipientAction = Literal["acknowledge", "remind", "pass_over"]

STEPS: Final[dict[tuple[IncidentState, IncidentAction], IncidentState]] = {
    ("open", "complete"): "open",
    ("open", "acknowledge"): "open",
    ("open", "follow_up"): "open",
    ("open", "remind"): "open",
    ("open", "conclude"): "concluded",
    ("open", "withdraw"): "withdrawn",
}
RECIPIENT_STEPS: Final[dict[tuple[RecipientState, RecipientAction], RecipientState]] = {
    ("waiting", "acknowledge"): "acknowledged",
    ("waiting", "remind"): "waiting",
    ("waiting", "pass_over"): "passed",
}
KIND_NAMES: Final[dict[IncidentKind, tuple[str, str]]] = {
    "death": ("死亡", "death"),
    "missing": ("走失", "missing"),
    "accident": ("意外事故", "accident"),
    "abuse": ("疑似虐待", "suspected abuse"),
    "trafficking": ("疑似拐卖", "suspected trafficking"),
    "violence": ("疑似家庭暴力", "suspected violence at home"),
}
CAUSE_NAMES: Final[dict[IncidentCause, tuple[str, str]]] = {
    "hand": ("人工上报", "by hand"),
    "handling": ("处置记录", "a crew's record"),
    "stay": ("离站登记", "a stay that ended"),
    "visit": ("返乡回访", "a home visit"),
}
STATE_NAMES: Final[dict[IncidentState, tuple[str, str]]] = {
    "open": ("办理中", "open"),
    "concluded": ("已结论", "concluded"),
    "withdrawn": ("已撤销", "withdrawn"),
}


def step(state: IncidentState, action: IncidentAction) -> IncidentState:
    """The state after the action. Raises Conflict `wrong_state` with the state it is in."""
    after = STEPS.get((state, action))
    if after is None:
        zh, en = STATE_NAMES[state]
        raise Conflict(
            f"该上报事项{zh}，不能这样操作。",
            f"The report is {en}; that cannot be done.",
            code="wrong_state",
            state=state,
        )
    return after
