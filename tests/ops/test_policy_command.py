"""`rescue policy …`: what is in force, and back to the city's file."""

import asyncio
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.dispatch import policy_change
from backend.ids import new_id
from backend.office import Office
from ops import people, policy
from tests.api.builders import settings_of
from tests.conftest import START


@pytest.fixture(autouse=True)
def here(database_url: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on a fresh database and Dalian's folder."""
    settings = settings_of(database_url, "redis://127.0.0.1:1/0", tmp_path, clock)
    for module in (people, policy):
        monkeypatch.setattr(module, "settings_here", lambda: settings)


def written(text: str) -> None:
    """An administrator changes the policy at the desk."""

    async def do(office: Office) -> None:
        await policy_change.change_policy(
            office,
            new_id(),
            text,
            expected_digest=office.city.policy.digest,
            reason="试",
            by=people.OPERATOR,
            now=START,
        )

    asyncio.run(people._with_office(do))


def test_it_says_what_is_in_force_and_goes_back_to_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    policy.show()
    assert "城市文件夹中的文件" in capsys.readouterr().out
    written('[clocks]\naccept = "6 min"\n')
    policy.show()
    told = capsys.readouterr().out
    assert "Change 1" in told
    assert 'accept = "6 min"' in told
    policy.from_file()
    assert "change 2" in capsys.readouterr().out
    policy.from_file()
    assert "already" in capsys.readouterr().out
    policy.show()
    assert Path("cities/dalian/policy.toml").read_text(encoding="utf-8") in capsys.readouterr().out


async def _spoil(office: Office) -> None:
    async with office.db.begin() as tx:
        await tx.exec_driver_sql("UPDATE policies SET text = '[of_tomorrow]'")


def test_a_policy_that_this_version_cannot_use_does_not_stand_in_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    written('[clocks]\naccept = "6 min"\n')
    asyncio.run(people._with_office(_spoil))
    policy.from_file(reason="旧版本")
    assert "change 2" in capsys.readouterr().out
