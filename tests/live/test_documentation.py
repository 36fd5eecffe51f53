"""docs/live-feed.md says what the feed does: every example has the shape of what is really sent, every code is there."""

import re
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import ManualClock
from backend.ids import new_id
from backend.live import inbox
from backend.live.feed import Ack, Feed, Look
from backend.live.hub import Hub
from backend.live.inbox import Closing
from backend.live.notices import Told
from backend.live.nudge import Nudge
from backend.live.positions import Fix
from tests.access.builders import CITY, NOW, add_account, add_event, add_team, an_office
from tests.live.builders import FakeSocket, following

PAGE = Path(__file__).parents[2] / "docs/live-feed.md"
TEXT = PAGE.read_text(encoding="utf-8")
A_NOTICE = {
    "kind": "offer.made", "number": 1, "priority": "critical", "offer_id": "1", "case_id": "2", "expires_at": "3",
}  # fmt: skip
EXAMPLES = [msgspec.json.decode(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


async def test_the_examples_have_the_shape_of_what_is_sent(db: AsyncEngine, clock: ManualClock) -> None:
    sent = {message["type"]: message for message in await _a_conversation(db, clock)}
    examples = {example["type"]: example for example in EXAMPLES}
    assert set(examples) == {*sent, "ack", "view"}
    for kind, message in sent.items():
        assert _shape(examples[kind]) == _shape(message), kind
    assert msgspec.convert(examples["ack"], Ack).seq == 4713
    assert msgspec.convert(examples["view"], Look).bounds == (121.6, 38.88, 121.7, 38.94)


def test_every_close_code_is_documented_and_no_other() -> None:
    codes = {value.code for value in vars(inbox).values() if isinstance(value, Closing)}
    assert {int(code) for code in re.findall(r"^\| (\d{4}) \|", TEXT, re.MULTILINE)} == codes


async def _a_conversation(db: AsyncEngine, clock: ManualClock) -> list[dict[str, Any]]:
    """One message of every type."""
    nudge = Nudge(CITY)
    office = an_office(db, nudge)

    async def board(*_: object) -> dict[str, Any]:
        return {}

    hub = Hub(office, nudge, clock, session_clock=clock, pulse_every_s=0.5, positions_every_s=0.1)
    team = await add_team(office)
    account = await add_account(office, team_id=team)
    async with hub, following(Feed(hub, board), office, account) as socket:
        await socket.got("events")
        await add_event(office)
        hub.positions([Fix(team_id=new_id(), at=NOW, lon=121.65, lat=38.91, heading_deg=90.0, regions=(CITY,))])
        hub.notice(Told(team_id=team, notice_id=new_id(), told=A_NOTICE))
        for kind in ("event", "positions", "pulse", "notice"):
            await socket.got(kind)
    return _with_a_case(socket)


def _with_a_case(socket: FakeSocket) -> list[dict[str, Any]]:
    """The event of the conversation concerns no case; the example does."""
    for message in socket.of("event"):
        message["case_id"], message["case_version"] = str(new_id()), 1
    return socket.messages


def _shape(value: object) -> object:
    """Member names and types, without the values; the first of a list stands for all."""
    if isinstance(value, dict):
        return {key: _shape(part) for key, part in value.items() if key not in ("board", "data")}
    if isinstance(value, list):
        return [_shape(part) for part in value[:1]]
    return type(value).__name__
