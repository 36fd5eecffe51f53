"""The demonstration's clock, which stands still while the demonstration does not run.

`resume` gives the clock to hand to every process (as RESCUE_CLOCK); call `remember` every few seconds and at the end.
After a kill -9 the day goes on from the last moment remembered.
"""

from datetime import UTC, datetime
from pathlib import Path

from backend.clock import ScaledClock


def resume(folder: Path, start: datetime, rate: float, *, real_now: datetime | None = None) -> ScaledClock:
    """A clock that runs `rate` times as fast from where the last run in `folder` stopped, the first time from `start`.

    A remembered moment that cannot be read, or lies before `start`, counts as none.
    """
    try:
        left_off = max(start, datetime.fromisoformat(_file(folder).read_text().strip()))
    except (OSError, ValueError, TypeError):
        left_off = start
    return ScaledClock(left_off, real_now or datetime.now(UTC), rate)


def remember(folder: Path, now: datetime) -> None:
    """Notes the simulated moment; a crash in between leaves the note before it whole."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = _file(folder).with_suffix(".new")
    fresh.write_text(now.isoformat())
    fresh.replace(_file(folder))


def forget(folder: Path) -> None:
    """The next run begins at its start again."""
    _file(folder).unlink(missing_ok=True)


def _file(folder: Path) -> Path:
    return folder / "demo-clock"
