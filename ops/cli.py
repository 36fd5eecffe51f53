"""The command `rescue`. Each group of commands is a file of its own, imported when it is used; begin at `main`.

Whatever goes wrong for a known reason is one sentence in Chinese and one in English and an exit code, never a
traceback: 2 for something to put right, 130 for Ctrl-C. RESCUE_LOG_LEVEL=debug shows the traceback too.
"""

import os
import signal
import sys
import tomllib
import traceback
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from types import FrameType

from cyclopts import App

from backend.errors import Refused

TO_PUT_RIGHT = 2
INTERRUPTED = 130


def version() -> str:
    """This programme's version, installed or in a checkout."""
    try:
        return version_of("rescue-circle")
    except PackageNotFoundError:
        text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text()
        return str(tomllib.loads(text)["project"]["version"])


app = App(
    name="rescue",
    version=version,
    help="救助圈：发现街头需要帮助的人，派最近的巡查队，并证明每一步都做到了。\n\n"
    "Rescue Circle: people in need on the street, the nearest patrol, and the loop closed and proven.",
)
app.command("ops.doctor:doctor", name="doctor")
app.command("ops.local.cli:app", name="db")
app.command("ops.settings_list:settings", name="settings")
app.command("ops.audit:app", name="audit")
app.command("ops.privacy:app", name="privacy")
app.command("ops.push:app", name="push")
app.command("ops.serve:serve", name="serve")
app.command("ops.serve:worker", name="worker")
app.command("ops.people:user", name="user")
app.command("ops.people:key", name="key")
app.command("ops.policy:app", name="policy")
app.command("ops.city:app", name="city")
app.command("ops.warning:app", name="warning")
app.command("ops.campaign:app", name="campaign")
app.command("ops.documents:app", name="document")
app.command("ops.backup:backup", name="backup")
app.command("ops.restore:restore", name="restore")
app.command("ops.bench.cli:bench", name="bench")
app.command("ops.demo:demo", name="demo")
app.command("ops.measure:app", name="measure")
app.command("ops.chaos.run:chaos", name="chaos")
app.command("ops.simulate.run:simulate", name="simulate")


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and ends the process with its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        result = app(arguments, result_action="return_value")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Refused as refused:
        _complain(refused.zh, refused.en)
        sys.exit(TO_PUT_RIGHT)
    except Exception as trouble:
        if not _comes_from_outside(trouble):
            raise
        _complain(
            f"外部服务或文件出错：{trouble}\n请运行 rescue doctor 查看原因。",
            "A service or file outside the programme failed; see above. To find out why: rescue doctor",
        )
        sys.exit(TO_PUT_RIGHT)
    sys.exit(result if isinstance(result, int) else 0)


def _comes_from_outside(trouble: Exception) -> bool:
    """Files, the network and the services. By the name of the library, because importing them all takes a second."""
    return isinstance(trouble, OSError) or type(trouble).__module__.split(".")[0] in ("asyncpg", "sqlalchemy", "redis")


def _complain(zh: str, en: str) -> None:
    if os.environ.get("RESCUE_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exc()
    print(zh, en, sep="\n", file=sys.stderr)


def _end(number: int, _frame: FrameType | None) -> None:
    """A polite end by the system unwinds like Ctrl-C does, so that embedded services are stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
