"""`rescue chaos`: so many minutes of clients and faults, then everything healed, then the checker and the audit.

The seed says which faults come in which order, how long they last and what the clients want; what meets what is left to
the machine. Exit code 0: nothing lost, nothing doubled, nobody unanswered, the log whole.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from backend.errors import Invalid, Unavailable
from ops import audit
from ops.chaos import checker
from ops.chaos.diary import Diary
from ops.chaos.faults import Saboteur
from ops.chaos.hosts import whether_possible
from ops.chaos.installation import Installation, chance_of, installation
from ops.chaos.partner import Partner
from ops.chaos.people import Client, Desk, Officer, Reporter, Screen
from ops.local import commands

RATE: Final = 10.0
"""Simulated seconds in a second: an offer's lease is nine seconds, and the half hour of the circle three minutes."""
SETTLE_S: Final = 25.0
"""Everything well again, and nobody new: what is in hand is finished."""
PHOTO_DISK: Final = "24m"
EVERY_S: Final = 0.4
"""How long each client rests between two things, about."""
SHOWN: Final = 40


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of it. lost, doubled: sentences of the checker; other: everything else that is not as it was told."""

    minutes: float
    seed: int
    operations: int
    reads: int
    repeats: int
    by_kind: dict[str, dict[str, int]]
    waited_s: dict[str, float]
    faults: dict[str, int]
    events: int
    lost: list[str]
    doubled: list[str]
    other: list[str]

    @property
    def is_well(self) -> bool:
        return not (self.lost or self.doubled or self.other)


def chaos(
    *, minutes: float = 3.0, seed: int = 1, json: bool = False, keep: bool = False, two_hosts: bool = False
) -> int:
    """破坏性演练：真实客户端、真实进程，随机杀进程、停服务、改时钟；随后独立核对。Break it on purpose, then check what clients were told.

    Parameters
    ----------
    minutes: 持续多少分钟。How long.
    seed: 随机种子。Which faults, in which order.
    json: 输出 JSON。As JSON.
    two_hosts: 在两台（网络命名空间模拟的）主机上运行，并增加“断网”故障。On two hosts (network namespaces; needs root), which are cut off too.
    keep: 保留数据目录和进程日志。Keep its folder, with the logs of the processes.
    """
    if not 0.2 <= minutes <= 24 * 60:
        raise Invalid("时长应为 0.2 至 1440 分钟。", "From 0.2 to 1440 minutes.", field="minutes")
    if two_hosts and (reason := whether_possible()):
        raise Unavailable(f"无法建立两台主机：{reason}", f"Two hosts cannot be made: {reason}")
    outcome, folder = asyncio.run(run(minutes, seed, keep=keep, on_two_hosts=two_hosts))
    if json:
        print(msgspec.json.format(msgspec.json.encode(outcome)).decode())
    else:
        print("\n".join(_lines(outcome)))
    if keep:
        print(folder, file=sys.stderr)
    return 0 if outcome.is_well else 1


async def run(minutes: float, seed: int, *, keep: bool = False, on_two_hosts: bool = False) -> tuple[Outcome, Path]:
    """The whole of it in a folder of its own."""
    folder = _fresh_folder()
    photos = folder / "files" / "photos"
    diary = Diary()
    small_disk = commands.run(("mount", "-t", "tmpfs", "-o", f"size={PHOTO_DISK}", "tmpfs", str(photos)), within_s=10)
    try:
        async with AsyncExitStack() as held:
            partner = await held.enter_async_context(Partner(diary))
            place = await held.enter_async_context(
                installation(folder, rate=RATE, webhook_url=partner.address, on_two_hosts=on_two_hosts)
            )
            saboteur = Saboteur(place, partner, chance_of(seed, "faults"))
            began = time.monotonic()
            await _play(place, diary, saboteur, minutes, seed)
            outcome = await _judged(place, diary, saboteur, minutes, seed, (time.monotonic() - began) * RATE)
    finally:
        if small_disk.returncode == 0:
            commands.run(("umount", str(photos)), within_s=10)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return outcome, folder


def _fresh_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rc-chaos-"))
    folder.chmod(0o755)  # the user postgres has to pass through
    (folder / "files" / "photos").mkdir(parents=True)
    return folder


async def _play(place: Installation, diary: Diary, saboteur: Saboteur, minutes: float, seed: int) -> None:
    """Clients and faults together; then the clients alone, who finish; then silence."""
    until = time.monotonic() + 60 * minutes

    def reporting() -> bool:
        return time.monotonic() < until

    def working() -> bool:
        return time.monotonic() < until + SETTLE_S

    def new[C: Client](kind: type[C], name: str, going: Callable[[], bool] = working) -> C:
        return kind(place, diary, chance_of(seed, name), going)

    teams = [account.team for account in place.accounts.accounts if account.team is not None]
    channels = ("web",) * 4 + ("hotline",) * 2 + ("partner",) * 2
    everybody: dict[str, Awaitable[None]] = {
        **{f"{c} {n}": new(Reporter, f"{c} {n}", reporting).run(c, EVERY_S) for n, c in enumerate(channels)},
        **{team: new(Officer, team).run(team, EVERY_S) for team in teams},
        **{f"dispatcher {n}": new(Desk, f"dispatcher {n}").dispatch(EVERY_S) for n in range(2)},
        "checker": new(Desk, "checker").check(EVERY_S),
        **{f"screen {n}": new(Screen, f"screen {n}").run(f"screen {n}") for n in range(4)},
    }
    async with asyncio.TaskGroup() as tasks:
        for name, wish in everybody.items():
            tasks.create_task(_bear(name, wish, diary), name=name)
        tasks.create_task(saboteur.run(reporting), name="faults")


async def _bear(name: str, wish: Awaitable[None], diary: Diary) -> None:
    """A client that cannot go on is a finding, and no reason for the others to stop."""
    try:
        await wish
    except Exception as fault:  # noqa: BLE001 - whatever it was, it is told
        diary.contradictions.append(f"client {name} could not go on: {type(fault).__name__}: {fault}")


async def _judged(
    place: Installation, diary: Diary, saboteur: Saboteur, minutes: float, seed: int, elapsed_s: float
) -> Outcome:
    connection = await asyncpg.connect(place.found.database_url)
    try:
        evidence = checker.Evidence(diary, connection, place.photos, elapsed_s)
        found = await checker.check(evidence)
        events = await connection.fetchval("SELECT count(*) FROM events")
    finally:
        await connection.close()
    found += await _audited(place)
    return Outcome(
        minutes=minutes,
        seed=seed,
        operations=len(diary.told),
        reads=diary.reads,
        repeats=diary.repeats,
        by_kind=diary.by_kind(),
        waited_s=diary.waited_s(),
        faults=dict(sorted(saboteur.done.items())),
        events=events,
        lost=[one for one in found if one.startswith("lost:")],
        doubled=[one for one in found if one.startswith("doubled:")],
        other=[one for one in found if not one.startswith(("lost:", "doubled:"))],
    )


async def _audited(place: Installation) -> list[str]:
    """What `rescue audit verify` says of it."""
    report = await audit.verified(place.settings)
    found = [f"audit: event {one.seq} {one.what}" for one in report.breaks]
    found += [f"audit: {one}" for one in [*report.contradictions, *report.cut_off]]
    return found + ([f"audit: {report.witness_fault}"] if report.witness_fault else [])


def _lines(outcome: Outcome) -> list[str]:
    waited = "，".join(f"{name} {value} s" for name, value in outcome.waited_s.items())
    lines = [
        f"{outcome.minutes:g} 分钟 minutes, seed {outcome.seed}: {outcome.operations} 次操作 operations"
        f"（另有 {outcome.repeats} 次重发 repeated, {outcome.reads} 次读取 reads），{outcome.events} 个事件 events",
        f"等到答复 waited for an answer: {waited}",
        "故障 faults: " + ", ".join(f"{name} ×{count}" for name, count in outcome.faults.items()),
        *(
            f"  {kind}: {row['done']} done, {row['refused']} refused, {row['sent_again']} sent more than once"
            for kind, row in outcome.by_kind.items()
        ),
        f"丢失 lost: {len(outcome.lost)}　重复 doubled: {len(outcome.doubled)}　其他 other: {len(outcome.other)}",
    ]
    return lines + [f"  {one}" for one in [*outcome.lost, *outcome.doubled, *outcome.other][:SHOWN]]
