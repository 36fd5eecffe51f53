"""The life of a case and of an offer: two tables, and one function to read each.

发现 discovered → 受理 accepted → 派遣 dispatched → 处置 handling → handled → 核查 verified → 救助 assisted (DOMAIN §3).
To add a stage, add its rows here, its name in `Stage` and `backend.db.STAGES`, and its words in `STAGE_NAMES`; the tests walk
the table.
"""

from typing import Literal

from backend.errors import Conflict

Stage = Literal[
    "discovered",
    "accepted",
    "dispatched",
    "handling",
    "handled",
    "assisted",
    "suspended",
    "refused",
    "voided",
    "joined",
]
OPEN_STAGES = frozenset({"discovered", "accepted", "dispatched", "handling", "handled", "suspended"})
ASSIGNED_STAGES = frozenset({"dispatched", "handling"})
CLOSED_STAGES = frozenset({"assisted", "refused", "voided", "joined"})

STAGE_NAMES: dict[Stage, tuple[str, str]] = {
    "discovered": ("发现待受理", "discovered, waiting to be accepted"),
    "accepted": ("已受理待派遣", "accepted, waiting for a team"),
    "dispatched": ("已派遣在途", "dispatched, a team is on its way"),
    "handling": ("处置中", "being handled on the spot"),
    "handled": ("已处置待核查", "handled, waiting to be verified"),
    "assisted": ("已结案", "verified and closed"),
    "suspended": ("挂账", "suspended"),
    "refused": ("不予受理", "not accepted"),
    "voided": ("作废", "voided"),
    "joined": ("已并案", "joined into another case"),
}

CASE_STEPS: dict[tuple[str, str], Stage] = {
    ("discovered", "accept"): "accepted",
    ("discovered", "refuse"): "refused",
    ("discovered", "join"): "joined",
    ("discovered", "void"): "voided",
    ("accepted", "dispatch"): "dispatched",
    ("accepted", "return"): "discovered",
    ("accepted", "join"): "joined",
    ("accepted", "suspend"): "suspended",
    ("accepted", "void"): "voided",
    ("dispatched", "arrive"): "handling",
    ("dispatched", "withdraw"): "accepted",
    ("dispatched", "return"): "accepted",
    ("dispatched", "reassign"): "dispatched",
    ("dispatched", "join"): "joined",
    ("dispatched", "suspend"): "suspended",
    ("dispatched", "void"): "voided",
    ("handling", "handle"): "handled",
    ("handling", "withdraw"): "accepted",
    ("handling", "return"): "accepted",
    ("handling", "reassign"): "dispatched",
    ("handling", "suspend"): "suspended",
    ("handling", "void"): "voided",
    ("handled", "verify"): "assisted",
    ("handled", "send_back"): "accepted",
    ("handled", "void"): "voided",
    ("suspended", "resume"): "accepted",
    ("suspended", "void"): "voided",
    ("joined", "unjoin"): "accepted",
}

# 延时 changes no stage, only clocks; where it may be asked for.
EXTENDABLE = frozenset({"discovered", "accepted", "dispatched", "handling", "handled"})

OFFER_STEPS: dict[tuple[str, str], str] = {
    ("offered", "accept"): "accepted",
    ("offered", "decline"): "declined",
    ("offered", "lapse"): "lapsed",
    ("offered", "withdraw"): "withdrawn",
}

_OFFER_NAMES = {
    "accepted": ("已被接受", "already accepted"),
    "declined": ("已被谢绝", "already declined"),
    "lapsed": ("已超时失效", "no longer held out: it lapsed"),
    "withdrawn": ("已被收回", "withdrawn"),
}


def next_stage(stage: Stage, action: str) -> Stage:
    """The stage that `action` leads to. Raises Conflict `wrong_stage` where the table has no such step."""
    if (stage, action) not in CASE_STEPS:
        zh, en = STAGE_NAMES[stage]
        raise Conflict(
            f"案卷目前为“{zh}”，不能执行该操作。",
            f"The case is {en}; that cannot be done now.",
            code="wrong_stage",
            stage=stage,
            action=action,
        )
    return CASE_STEPS[stage, action]


def next_offer_state(state: str, action: str) -> str:
    """The state that `action` leads an offer to. Raises Conflict `offer_over` where it has already ended."""
    if (state, action) not in OFFER_STEPS:
        zh, en = _OFFER_NAMES[state]
        raise Conflict(f"这次派遣{zh}。", f"This offer is {en}.", code="offer_over", state=state)
    return OFFER_STEPS[state, action]
