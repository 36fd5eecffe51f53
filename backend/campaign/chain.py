"""How warnings follow each other: what a new one does to those that hold. Pure.

An Update or a Cancel names what it changes; Chinese senders often do not, and then the same sender's warning of the same hazard is
meant. Messages may come late, twice, or in the wrong order: what holds in the end is the same. Begin at `judge`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from backend.campaign.cap import Alert
from backend.campaign.hazard import COLOURS, Colour, Hazard, Warned
from backend.campaign.warned import Ground

Deed = Literal["opens", "upgrades", "downgrades", "continues", "lifts", "ignored"]
Because = Literal["not_real", "known", "elsewhere", "unplaced", "over", "superseded", "nothing_to_lift"]

BECAUSE_WORDS: Final[dict[Because, tuple[str, str]]] = {
    "not_real": ("演习、测试或回执", "an exercise, a test or a receipt"),
    "known": ("已收到过", "received before"),
    "elsewhere": ("与本市无关", "does not concern this city"),
    "unplaced": ("范围只用本市未配置对照表的代码写明", "says where only in codes that this city has no table for"),
    "over": ("收到时已过期", "over when it came"),
    "superseded": ("已有更新的预警", "a newer one is known already"),
    "nothing_to_lift": ("没有可解除的预警", "there is nothing to lift"),
}


class Held(Struct, frozen=True, kw_only=True):
    """A warning that has been received. chain: what is one and the same event, by its first warning. references: the keys it named.

    live: it holds now: neither replaced, lifted nor over. elsewhere: it says where, and that is not here.
    """

    id: UUID
    chain: UUID
    key: tuple[str, str]
    sent: datetime
    hazard: Hazard
    colour: Colour | None
    regions: tuple[str, ...]
    references: tuple[tuple[str, str], ...] = ()
    live: bool = True
    elsewhere: bool = False


class Verdict(Struct, frozen=True, kw_only=True):
    """What a warning does. chain: the one it goes on with, None for a new one. ends: warnings that hold no more because of it.

    because: why it does nothing. expires: until when it holds.
    """

    deed: Deed
    chain: UUID | None = None
    ends: tuple[UUID, ...] = ()
    because: Because | None = None
    expires: datetime | None = None


def judge(
    alert: Alert, said: Warned, ground: Ground, known: Sequence[Held], *, now: datetime, lasts: timedelta
) -> Verdict:
    """What the warning does, given all that have been received; lasts: how long one without an end holds."""
    if not alert.is_real:
        return _nothing("not_real")
    if any(held.key == alert.key for held in known):
        return _nothing("known")
    if any(alert.key in held.references for held in known) or _is_outdated(alert, said, ground, known):
        return _nothing("superseded")
    before = _goes_on_with(alert, said, ground, known)
    live = [held for held in before if held.live]
    if said.lifted or (live and not ground.concerns_us and not ground.is_unplaced):
        return _lift(before, live)
    if not ground.concerns_us:
        return _nothing("unplaced" if ground.is_unplaced else "elsewhere")
    expires = _expires(alert, lasts)
    if expires <= now:
        return _nothing("over")
    ends = tuple(held.id for held in live)
    if not before:
        return Verdict(deed="opens", expires=expires)
    newest = max(before, key=lambda held: held.sent)
    deed = _compared(live, said.colour) if live else "opens"
    return Verdict(deed=deed, chain=newest.chain, ends=ends, expires=expires)


def _nothing(because: Because) -> Verdict:
    return Verdict(deed="ignored", because=because)


def _lift(before: list[Held], live: list[Held]) -> Verdict:
    if not live:
        return _nothing("nothing_to_lift")
    newest = max(before, key=lambda held: held.sent)
    return Verdict(deed="lifts", chain=newest.chain, ends=tuple(held.id for held in live))


def _goes_on_with(alert: Alert, said: Warned, ground: Ground, known: Sequence[Held]) -> list[Held]:
    """The warnings that this one is about: those of the chains that it names, else the sender's live ones of the same hazard."""
    named = {reference.key for reference in alert.references}
    chains = {held.chain for held in known if held.key in named}
    if chains:
        return [held for held in known if held.chain in chains]
    return [held for held in known if held.live and _is_the_same(held, alert, said, ground)]


def _is_the_same(held: Held, alert: Alert, said: Warned, ground: Ground) -> bool:
    """By the same sender, of the same hazard, and where both say the region, about the same or a part of it."""
    if held.key[0] != alert.sender or said.hazard not in (held.hazard, "other"):
        return False
    if held.elsewhere or ground.is_elsewhere:
        return False
    return not held.regions or not ground.regions or not set(held.regions).isdisjoint(ground.regions)


def _is_outdated(alert: Alert, said: Warned, ground: Ground, known: Sequence[Held]) -> bool:
    """It comes after what was sent later, about the same: the later word holds."""
    return any(held.sent > alert.sent and _is_the_same(held, alert, said, ground) for held in known)


def _compared(live: Sequence[Held], colour: Colour | None) -> Deed:
    """Graver or milder than the gravest that holds; one without a grade goes on as before."""
    grades = [COLOURS.index(held.colour) for held in live if held.colour is not None]
    if colour is None or not grades or COLOURS.index(colour) == max(grades):
        return "continues"
    return "upgrades" if COLOURS.index(colour) > max(grades) else "downgrades"


def _expires(alert: Alert, lasts: timedelta) -> datetime:
    """The last end that it gives; without one, `lasts` after it was sent."""
    ends = [info.expires for info in alert.infos if info.expires is not None]
    return max(ends) if ends else alert.sent + lasts
