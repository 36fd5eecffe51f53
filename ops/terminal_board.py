"""The live board in a terminal: an ordinary client of the API and the feed, with a dispatcher's account.

`Screen` draws a `Board`; `Watcher` keeps one up to date. Without a terminal one plain line every few seconds says the same.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from backend.dispatch.lifecycle import STAGE_NAMES
from ops.board_state import Board, Row, apply, moment, remember
from ops.simulate.live import follow
from ops.simulate.phone import Phone

STAGES: Final = ("discovered", "accepted", "dispatched", "handling", "handled", "assisted")
LIGHTS: Final = {"green": ("●", "green", "正常"), "yellow": ("●", "yellow", "临近"), "red": ("●", "red", "超时")}
DOING: Final = {
    "free": "空闲 free",
    "asked": "待答复 asked",
    "driving": "途中 under way",
    "handling": "现场 on the spot",
    "resting": "休整 resting",
    "off_duty": "下班 off duty",
}
ALARM_WORDS: Final = {
    "no_team_free": ("救助圈内暂无空闲队伍", "no team is free"),
    "nobody_took_it": ("各队均未接受，待人工处理", "nobody took it"),
    "outside_circle": ("最近队伍超过 30 分钟", "beyond 30 minutes"),
    "not_reached": ("队伍未收到通知", "a team was not reached"),
    "circle.gap_opened": ("救助圈出现缺口", "a gap in the circle"),
    "circle.gap_closed": ("救助圈缺口已补上", "the gap is closed"),
    "clock.missed": ("时限已超", "a clock was missed"),
    "clock.escalated": ("超时升级", "escalated"),
}
CLOCK_ZH: Final = {"accept": "受理", "on_spot": "到场", "feedback": "反馈", "verify": "核查", "whole": "全案"}
CIRCLE_EVERY_S: Final = 4.0
SUMMARY_EVERY_S: Final = 5.0
REASONS_KEPT: Final = 64


class Watcher:
    """Keeps a board up to date over HTTP and the feed."""

    def __init__(self, base_url: str, phone: Phone) -> None:
        self.board = Board()
        self.reasons: dict[str, Row] = {}
        self._base_url, self._phone = base_url, phone

    async def run(self) -> None:
        """The feed, with what happened before it, and the circle now and then; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_circle())
            async for message in follow(self._base_url, self._phone):
                if message["type"] == "snapshot":
                    await self._history()
                before = self.board.told
                apply(self.board, message)
                for decision in list(self.board.decisions):
                    if decision["seq"] > before:
                        tasks.create_task(self._ask_why(decision))

    async def _history(self) -> None:
        """What the log says that was not told yet: a snapshot knows how things are, not how they came about."""
        after: int | None = self.board.told
        while after is not None:
            page = (await self._phone.get("/api/events", after=after, limit=1000)).body
            for event in page["events"]:
                remember(self.board, event)
            after = page["next"]
        for decision in list(self.board.decisions):
            await self._ask_why(decision)

    async def _ask_why(self, offer: Row) -> None:
        """The decision behind an offer, with its reason in words."""
        reply = await self._phone.get(f"/api/cases/{offer['case_id']}/decisions")
        if reply.ok:
            self.reasons |= {str(one["id"]): one for one in reply.body}
            while len(self.reasons) > REASONS_KEPT:
                self.reasons.pop(next(iter(self.reasons)))

    async def _look_at_circle(self) -> None:
        while True:
            reply = await self._phone.get("/api/circle")
            if reply.ok:
                self.board.circle = {k: v for k, v in reply.body.items() if k != "cells"}
            await asyncio.sleep(CIRCLE_EVERY_S)


class Screen:
    """Draws a board. heading: what stands above it; zone: whose wall clock is shown; speed: how fast it runs."""

    def __init__(
        self, watcher: Watcher, *, heading: str, zone: ZoneInfo, speed: float, notes: Callable[[], str]
    ) -> None:
        self._watcher, self._heading, self._zone, self._speed, self._notes = watcher, heading, zone, speed, notes

    def draw(self, now: datetime) -> ConsoleRenderable:
        """The board at a moment."""
        board = self._watcher.board
        top = Table.grid(expand=True, padding=(0, 2))
        for _ in range(3):
            top.add_column(ratio=1)
        top.add_row(self._stages(board), self._reached(board, now), self._teams(board))
        title = f"{self._heading} · {self._clock(now)} · ×{self._speed:g}"
        parts: list[ConsoleRenderable] = [
            Panel(top, title=title, border_style="cyan"),
            self._decisions(board),
            self._alarms(board),
        ]
        return Group(*parts, Text(self._notes(), style="dim"))

    def line(self, now: datetime) -> str:
        """The board in one line, for logs."""
        board = self._watcher.board
        stages, lights, (good, due) = board.stages(), board.lights(now), board.reached(now)
        shown = " ".join(f"{STAGE_NAMES[stage][0]} {stages[stage]}" for stage in STAGES)
        circle = f"{board.circle['share']:.0%}" if board.circle else "—"
        return (
            f"[{self._clock(now)}] 线索 {board.reports} | {shown} | 时限 绿{lights['green']} 黄{lights['yellow']} 红{lights['red']}"
            f" | 30分钟到达 {_share(good, due)} | 救助圈 {circle}"
        )

    def _clock(self, moment_: datetime) -> str:
        return moment_.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    def _hour(self, event: Row) -> str:
        return moment(event["occurred_at"]).astimezone(self._zone).strftime("%H:%M")

    def _stages(self, board: Board) -> Table:
        stages = board.stages()
        table = Table.grid(padding=(0, 1))
        table.add_row(Text("案卷 Cases", style="bold"), "")
        for stage in STAGES:
            table.add_row(STAGE_NAMES[stage][0], Text(str(stages[stage]), style="bold" if stages[stage] else "dim"))
        table.add_row("线索 Reports", str(board.reports))
        table.add_row("已并案 Joined", str(stages["joined"]))
        return table

    def _reached(self, board: Board, now: datetime) -> Table:
        (good, due), lights = board.reached(now), board.lights(now)
        table = Table.grid(padding=(0, 1))
        table.add_row(Text("30 分钟内到达 Reached", style="bold"), "")
        table.add_row(Text(_share(good, due), style=_colour(good, due)), f"{good} / {due}")
        table.add_row(Text("救助圈 Circle now", style="bold"), "")
        circle = board.circle
        share = f"{circle['share']:.1%}" if circle else "—"
        free = f"空闲 {circle['teams_free']} 队" if circle else ""
        table.add_row(Text(share, style=_colour(circle["share"], 1) if circle else "dim"), free)
        table.add_row(Text("时限 Clocks", style="bold"), "")
        for colour, (dot, style, zh) in LIGHTS.items():
            table.add_row(Text(f"{dot} {zh} {colour}", style=style), str(lights[colour]))
        return table

    def _teams(self, board: Board) -> Table:
        doing = board.doing()
        table = Table.grid(padding=(0, 1))
        table.add_row(Text("巡查队 Teams", style="bold"), "")
        for name, words in DOING.items():
            if doing[name]:
                table.add_row(words, str(doing[name]))
        return table

    def _decisions(self, board: Board) -> Panel:
        table = Table.grid(padding=(0, 1), expand=True)
        for ratio in (0, 0, 0, 1):
            table.add_column(ratio=ratio or None, no_wrap=not ratio)
        for offer in list(board.decisions)[-6:][::-1]:
            case = board.rows["cases"].get((offer["case_id"],), {})
            team = board.teams.get(str(offer["data"]["team_id"]), {})
            why = self._watcher.reasons.get(str(offer["data"].get("decision_id")), {}).get("reason", {})
            table.add_row(
                self._hour(offer),
                f"…{str(case.get('number', ''))[-4:]}",
                str(team.get("name", "")),
                str(why.get("zh", "")),
            )
        return Panel(table, title="最近派遣与理由 Last decisions and why", border_style="blue")

    def _alarms(self, board: Board) -> Panel:
        table = Table.grid(padding=(0, 1), expand=True)
        for event in list(board.alarms)[-4:][::-1]:
            zh, en = _alarm(event)
            case = board.rows["cases"].get((event["case_id"] or "",), {})
            table.add_row(
                self._hour(event),
                f"…{str(case['number'])[-4:]}" if case.get("number") else "",
                Text(zh, style="yellow"),
                en,
            )
        if not board.alarms:
            table.add_row("无 none")
        return Panel(table, title="警报 Alarms", border_style="yellow" if board.alarms else "green")


def _alarm(event: Row) -> tuple[str, str]:
    code = str(event["data"].get("alarm") or event["kind"])
    zh, en = ALARM_WORDS.get(code, (code, code))
    if event["kind"].startswith("clock."):
        kind = str(event["data"].get("kind", ""))
        return f"{CLOCK_ZH.get(kind, kind)}{zh}", f"{kind}: {en}"
    if "share" in event["data"]:
        return f"{zh}（覆盖 {event['data']['share']:.0%}）", en
    return zh, en


def _share(good: float, due: int) -> str:
    return f"{good / due:.0%}" if due else "—"


def _colour(good: float, due: float) -> str:
    if not due:
        return "dim"
    return "bold green" if good / due >= 0.9 else "bold yellow" if good / due >= 0.75 else "bold red"


async def show(screen: Screen, now: Callable[[], datetime], console: Console) -> None:
    """Draw until cancelled: the board on a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(SUMMARY_EVERY_S)
            console.print(screen.line(now()), markup=False, highlight=False, soft_wrap=True)
    with contextlib.suppress(asyncio.CancelledError), Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            live.update(screen.draw(now()), refresh=True)
            await asyncio.sleep(0.5)
