"""What a new warning does to those that hold, in whatever order they come."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.campaign import chain, hazard
from backend.campaign.cap_read import read
from backend.campaign.chain import Held, Verdict
from backend.campaign.warned import Ground
from backend.clock import CHINA
from backend.ids import new_id
from tests.campaign.warnings_made import an_alert, an_info

SENDER = "大连市气象台"
BEGAN = datetime(2016, 12, 19, 18, tzinfo=CHINA)
WHOLE_CITY = Ground(regions=("210200",), is_said=True)
ELSEWHERE = Ground(is_said=True)
SILENT = Ground()
HEADLINES = {"blue": "寒潮蓝色预警", "yellow": "寒潮黄色预警", "orange": "寒潮橙色预警", "red": "寒潮红色预警"}


def said(n: int, colour: str = "blue", *, msg_type: str = "Alert", after: int | None = None, **more: str) -> bytes:
    """The sender's n-th message, n hours after the first; after: the one that it refers to."""
    at = BEGAN + timedelta(hours=n)
    info = an_info(
        more.pop("event", "寒潮"),
        more.pop("headline", HEADLINES[colour]),
        expires=more.pop("expires", "2016-12-25T00:00:00+08:00") or None,
    )
    # As Chinese senders do it, a reference carries the update's own time.
    references = f"{SENDER},W{after},{at.isoformat()}" if after is not None else ""
    return an_alert(info, identifier=f"W{n}", sent=at.isoformat(), msg_type=msg_type, references=references, **more)


@dataclass
class Desk:
    """What has been received, and what each message did."""

    held: list[Held] = field(default_factory=list)

    def hear(self, content: bytes, ground: Ground = WHOLE_CITY, *, hours: float = 1) -> Verdict:
        """A message comes, so many hours after the first was sent."""
        alert, now = read(content), BEGAN + timedelta(hours=hours)
        what = hazard.of(alert)
        verdict = chain.judge(alert, what, ground, self.held, now=now, lasts=timedelta(hours=24))
        one = new_id()
        self.held = [held if held.id not in verdict.ends else _over(held) for held in self.held]
        holds = verdict.deed not in ("ignored", "lifts")
        if verdict.because != "known":
            self.held.append(
                Held(
                    id=one,
                    chain=verdict.chain or one,
                    key=alert.key,
                    sent=alert.sent,
                    hazard=what.hazard,
                    colour=what.colour,
                    regions=ground.regions,
                    references=tuple(reference.key for reference in alert.references),
                    live=holds,
                    elsewhere=ground.is_elsewhere,
                )
            )
        return verdict

    def live(self) -> list[str]:
        """What holds now."""
        return [held.key[1] for held in self.held if held.live]


def _over(held: Held) -> Held:
    return Held(**{name: getattr(held, name) for name in Held.__struct_fields__} | {"live": False})


def test_a_warning_opens_goes_up_and_down_and_is_lifted() -> None:
    desk = Desk()
    assert desk.hear(said(0)).deed == "opens"
    assert desk.hear(said(1, "orange", msg_type="Update", after=0)).deed == "upgrades"
    assert desk.hear(said(2, "orange", msg_type="Update", after=1)).deed == "continues"
    assert desk.hear(said(3, "yellow", msg_type="Update", after=2)).deed == "downgrades"
    assert desk.live() == ["W3"]
    assert len({held.chain for held in desk.held}) == 1
    assert desk.hear(said(4, msg_type="Cancel", after=3)).deed == "lifts"
    assert desk.live() == []


def test_without_references_the_same_sender_s_warning_of_the_same_hazard_is_meant() -> None:
    desk = Desk()
    desk.hear(said(0))
    assert desk.hear(said(1, "red")).deed == "upgrades"
    assert desk.hear(said(2, event="高温", headline="高温黄色预警")).deed == "opens"
    assert desk.hear(said(3, headline="解除寒潮红色预警")).deed == "lifts"
    assert desk.live() == ["W2"]


def test_a_silent_cancellation_lifts_what_it_refers_to() -> None:
    desk = Desk()
    desk.hear(said(0))
    empty = an_alert(
        "<info/>",
        identifier="W9",
        sent=(BEGAN + timedelta(hours=2)).isoformat(),
        msg_type="Cancel",
        references=f"{SENDER},W0,x",
    )
    assert desk.hear(empty, SILENT).deed == "lifts"


@pytest.mark.parametrize(
    ("content", "ground", "hours", "because"),
    [
        (said(1, status="Exercise"), WHOLE_CITY, 1, "not_real"),
        (said(0), WHOLE_CITY, 1, "known"),
        (said(1), ELSEWHERE, 1, "elsewhere"),
        (said(1, event="高温", headline="高温黄色预警"), WHOLE_CITY, 200, "over"),
        (said(1, event="高温", headline="解除高温黄色预警"), WHOLE_CITY, 1, "nothing_to_lift"),
        (said(-1, "red"), WHOLE_CITY, 1, "superseded"),
    ],
)
def test_what_changes_nothing_says_why(content: bytes, ground: Ground, hours: float, because: str) -> None:
    desk = Desk()
    desk.hear(said(0))
    assert desk.hear(content, ground, hours=hours).because == because
    assert desk.live() == ["W0"]
    assert all(text for text in chain.BECAUSE_WORDS[because])


def test_an_update_that_leaves_us_out_lifts_it_here() -> None:
    desk = Desk()
    desk.hear(said(0))
    assert desk.hear(said(1, msg_type="Update", after=0), ELSEWHERE).deed == "lifts"


def test_a_warning_of_elsewhere_by_the_same_sender_changes_nothing_here() -> None:
    desk = Desk()
    desk.hear(said(5), ELSEWHERE)
    assert desk.hear(said(0)).deed == "opens"
    desk.hear(said(6, headline="解除寒潮蓝色预警"), ELSEWHERE)
    assert desk.live() == ["W0"]


def test_one_without_an_end_holds_for_a_while() -> None:
    assert Desk().hear(said(0, expires="")).expires == BEGAN + timedelta(hours=24)


@given(
    colours=st.lists(st.sampled_from(sorted(HEADLINES)), min_size=1, max_size=5),
    lifted=st.booleans(),
    named=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_in_whatever_order_they_come_and_however_often_the_last_word_holds(
    colours: list[str], lifted: bool, named: bool, order: Random
) -> None:
    messages = [said(0, colours[0])]
    messages += [
        said(n, colour, msg_type="Update", after=n - 1 if named else None) for n, colour in enumerate(colours[1:], 1)
    ]
    if lifted:
        n = len(messages)
        messages.append(said(n, headline="解除寒潮预警", msg_type="Cancel", after=n - 1 if named else None))
    come = messages * 2
    order.shuffle(come)
    desk = Desk()
    for content in come:
        desk.hear(content, hours=12)
    assert desk.live() == ([] if lifted else [f"W{len(messages) - 1}"])
