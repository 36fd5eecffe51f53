"""What screens were told of the loop at work, and how the board really was: for the screen's own test of `apply`.

    python -m tests.live.write_fixtures

drives the machine of `tests/dispatch/test_any_order.py` by a fixed seed, with real feeds open for several people, and writes
one file for each into web/src/shared/live/fixtures: steps that are either a `message`, as the feed tells it, or a `board`,
read afresh for that person at that moment. Ids and clocks are counted, so the same code writes the same files.
"""

import asyncio
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import log, migrations
from backend.access.accounts import Account
from backend.access.actor import PUBLIC, Actor
from backend.clock import ManualClock
from backend.db import make_engine
from backend.dispatch import board
from backend.live.feed import Feed
from backend.live.hub import Hub
from backend.live.nudge import Nudge
from ops.local import services
from tests.access.builders import NOW, add_account, add_session
from tests.conftest import START
from tests.dispatch.builders import (
    CITY,
    DISPATCHER,
    EAST,
    GRID_WORKER,
    LEADER,
    OPERATOR,
    SPOT,
    WEST,
    Town,
    east_of,
    town_policy,
)
from tests.dispatch.test_any_order import Loop
from tests.live.builders import HOUR, FakeSocket, following

FIXTURES = Path(__file__).parents[2] / "web/src/shared/live/fixtures"
SEED, STEPS, JOIN_AT, LOOK_EVERY = 6, 120, 12, 24
# The mark of a report's words is made with a key of this run.
_BY_CHANCE = re.compile('"words":"[0-9a-f]{64}"')
HOW_OFTEN = {
    "go_on": 24,
    "report": 2,
    "turn": 5,
    "wait": 2,
    "ask": 2,
    "decide": 3,
    "duty": 2,
    **dict.fromkeys(("stumble", "assign", "redirect", "join", "unjoin", "split", "find", "call_for_help"), 1),
    "add": 3,
    "answer_the_call": 2,
    "refer": 9,
    "go_on_referring": 9,
}


@dataclass
class Viewer:
    """Somebody at a screen: what it was told, step by step."""

    name: str
    account: Account
    steps: list[dict[str, Any]] = field(default_factory=list)
    socket: FakeSocket | None = None
    actor: Actor | None = None
    read: int = 0


class _Counted:
    """Ids one after the other instead of by time and chance; they look like the real ones."""

    def __init__(self) -> None:
        self._count = 0

    def uuid7(self, **_: int) -> UUID:
        """The next id, whatever moment is asked for."""
        self._count += 1
        return UUID(f"01574091-2f00-7000-8000-{self._count:012x}")


@contextmanager
def _counted_ids() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.ids.compat", _Counted())
        yield


def write(database_url: str) -> dict[str, str]:
    """The text of each file by its name."""
    with _counted_ids(), asyncio.Runner() as runner:
        engine = make_engine(database_url)
        try:
            return {viewer.name: _text(viewer) for viewer in _play(runner, engine)}
        finally:
            runner.run(engine.dispose())


def _play(runner: asyncio.Runner, engine: AsyncEngine) -> list[Viewer]:
    loop, chance = Loop(runner, engine), random.Random(SEED)
    loop.begin()
    town, nudge = loop.town, Nudge(CITY)
    town.office.nudge = nudge
    town.office.obey(town_policy(sign_in={"second_factor": ()}), "", 0)
    hub = Hub(town.office, nudge, town.clock, session_clock=ManualClock(START), pulse_every_s=3600)
    stack = AsyncExitStack()
    try:
        viewers = runner.run(_viewers(town))
        for _ in range(JOIN_AT):
            _step(loop, chance)
        runner.run(_open(stack, hub, town, viewers))
        for number in range(1, STEPS + 1):
            _step(loop, chance)
            runner.run(_note(hub, town, viewers, look=number % LOOK_EVERY == 0 or number == STEPS))
    finally:
        runner.run(stack.aclose())
    return viewers


async def _viewers(town: Town) -> list[Viewer]:
    """People who may see everything, one district, and only what their own team does."""
    people: dict[str, dict[str, Any]] = {
        "dispatcher": {"roles": ("dispatcher",)},
        "leader-of-a-district": {"roles": ("shift_leader",), "regions": (EAST,)},
        "officer": {"roles": ("officer",), "regions": (WEST,), "team_id": town.teams[0]},
    }
    return [Viewer(name, await add_account(town.office, name, **who)) for name, who in people.items()]


async def _open(stack: AsyncExitStack, hub: Hub, town: Town, viewers: list[Viewer]) -> None:
    await stack.enter_async_context(hub)

    async def picture(tx: Any, actor: Actor) -> dict[str, Any]:
        return await board.snapshot(tx, town.office, actor, town.now)

    feed = Feed(hub, picture)
    for viewer in viewers:
        viewer.actor = await add_session(town.office, viewer.account, expires_at=NOW + 12 * HOUR)
        viewer.socket = await stack.enter_async_context(following(feed, town.office, viewer.actor))
        await viewer.socket.until(lambda socket: bool(socket.closed or socket.of("events")))
        assert viewer.socket.closed is None, (viewer.name, viewer.socket.closed)
        _read(viewer, hub)


async def _note(hub: Hub, town: Town, viewers: list[Viewer], *, look: bool) -> None:
    """What each was told of the step; and now and then how things are, for each of them."""
    async with town.office.db.connect() as tx:
        head, _ = await log.head(tx, CITY)
    async with asyncio.timeout(30):
        while hub.seq < head:  # noqa: ASYNC110 - the hub has nobody to tell
            await asyncio.sleep(0.001)
    hub_pulse = hub.pulse()
    for viewer in viewers:
        assert viewer.socket is not None
        pulses = len(viewer.socket.of("pulse"))
        for inbox in hub.inboxes():
            if viewer.actor is not None and inbox.actor == viewer.actor:
                inbox.put_pulse(*hub_pulse)  # it comes after everything else, so all was told when it is there
        await viewer.socket.got("pulse", pulses + 1)
        _read(viewer, hub)
        if look:
            assert viewer.actor is not None
            async with town.office.db.connect() as tx:
                seen = await board.snapshot(tx, town.office, viewer.actor, town.now)
            viewer.steps.append({"board": {name: _in_order(rows) for name, rows in seen.items()}, "seq": hub.seq})


def _read(viewer: Viewer, hub: Hub) -> None:
    """What came since the last time. How events were bundled is a matter of moments: here it is one message a step."""
    assert viewer.socket is not None
    new, viewer.read = viewer.socket.messages[viewer.read :], len(viewer.socket.messages)
    events: list[dict[str, Any]] = []
    for message in new:
        if message["type"] == "snapshot":
            parts = {name: _in_order(rows) for name, rows in message["board"].items()}
            viewer.steps.append({"message": {**message, "board": parts}})
        events += message.get("events", [message] if message["type"] == "event" else [])
    if len(events) == 1:
        viewer.steps.append({"message": {**events[0], "type": "event"}})
    elif events:
        viewer.steps.append({"message": {"type": "events", "seq": events[-1]["seq"], "events": events}})
    else:
        viewer.steps.append({"message": {"type": "pulse", "seq": hub.seq, "now": hub.clock.now().isoformat()}})


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps([row.get("id"), row.get("case_id"), row.get("kind")]))


def _step(loop: Loop, chance: random.Random) -> None:
    """One step of somebody, chosen by chance among those that can be taken; then the machine looks whether all is sound."""
    possible = [name for name in HOW_OFTEN if _can(loop, name)]
    name = chance.choices(possible, [HOW_OFTEN[name] for name in possible])[0]
    getattr(loop, name)(**_told(name, chance))
    loop.all_is_sound()


def _can(loop: Loop, name: str) -> bool:
    (rule,) = [rule for rule in loop.rules if rule.function.__name__ == name][:1]
    return all(precondition(loop) for precondition in rule.preconditions)


def _told(name: str, chance: random.Random) -> dict[str, Any]:
    """What a step is given, drawn as the machine draws it."""
    desk, which = chance.choice([DISPATCHER, LEADER]), chance.randint(0, 5)
    stages = ("discovered", "accepted", "dispatched", "handling", "handled")
    given: dict[str, dict[str, Any]] = {
        "go_on": {"which": which, "by": desk, "well": chance.randint(0, 4)},
        "stumble": {"which": which, "by": desk, "well": chance.randint(0, 4), "stage": chance.choice(stages)},
        "report": {
            "by": chance.choice([PUBLIC, OPERATOR, GRID_WORKER]),
            "place": chance.choice([SPOT, east_of(SPOT, 20), east_of(SPOT, 5000)]),
            "known": chance.random() < 0.5,
            "danger": chance.random() < 0.3,
        },
        "assign": {"which": which, "team": chance.randint(0, 2), "by": desk},
        "redirect": {"which": which, "by": desk, "widen": chance.random() < 0.5},
        "join": {"which": which, "other": chance.randint(0, 5), "by": desk},
        "unjoin": {"which": which, "by": desk},
        "split": {"which": which, "count": 1, "by": desk},
        "ask": {"which": which, "action": chance.choice(["suspend", "extend", "return", "void"])},
        "decide": {"which": which, "granted": chance.randint(0, 3)},
        "duty": {"team": chance.randint(0, 2), "state": chance.choice(["on_duty", "on_duty", "off_duty", "resting"])},
        "add": {"which": which, "danger": chance.random() < 0.5},
        "find": {
            "team": chance.randint(0, 2),
            "place": chance.choice([SPOT, east_of(SPOT, 5000)]),
            "minutes_ago": chance.choice([0, 50]),
        },
        "call_for_help": {"team": chance.randint(0, 2), "placed": chance.random() < 0.7},
        "answer_the_call": {"which": which, "by": desk, "over": chance.random() < 0.5},
        "refer": {"which": which, "by": desk},
        "go_on_referring": {
            "which": which,
            "by": desk,
            "how": chance.choice(["accept", "accept", "refuse", "withdraw", "arrive"]),
        },
        "wait": {"minutes": chance.choice([0.1, 0.8, 4, 31]), "turn": chance.random() < 0.7},
        "turn": {},
    }
    return given[name]


def _text(viewer: Viewer) -> str:
    """One step a line, so that a change shows where it is."""
    who = {"who": viewer.name, "account_id": str(viewer.account.id), "team_id": viewer.account.team_id}
    head = json.dumps(who, ensure_ascii=False, default=str)
    lines = [json.dumps(step, ensure_ascii=False, separators=(",", ":"), sort_keys=True) for step in viewer.steps]
    lines = [_BY_CHANCE.sub('"words":"0"', line) for line in lines]
    return f'{{"viewer": {head},\n"steps": [\n' + ",\n".join(lines) + "\n]}\n"


def main() -> None:
    """Writes the files."""
    with tempfile.TemporaryDirectory(prefix="rc-fixtures-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user postgres has to pass through
        with services.running(folder, given={}, durable=False) as found:
            migrations.upgrade(found.database_url)
            texts = write(found.database_url)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for one, text in texts.items():
        (FIXTURES / f"{one}.json").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FIXTURES / one}.json: {len(text.encode()) / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
