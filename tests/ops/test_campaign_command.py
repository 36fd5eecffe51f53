"""`rescue campaign …`: what runs is listed and shown, opened and closed by whoever runs the installation."""

from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.errors import Conflict, Invalid, NotFound
from ops import campaign
from tests.api.builders import settings_of


@pytest.fixture(autouse=True)
def here(database_url: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands work on a fresh database and Dalian's folder."""
    settings = settings_of(database_url, "redis://127.0.0.1:1/0", tmp_path, clock)
    monkeypatch.setattr(campaign, "settings_here", lambda: settings)


def test_a_campaign_is_opened_listed_shown_and_closed(capsys: pytest.CaptureFixture[str]) -> None:
    campaign.list_()
    assert "No campaigns in the last 90 days." in capsys.readouterr().out
    campaign.open_("cold_wave", note="今夜降温", colour="orange", region=["210202"], hours=10)
    assert "已启动 Z" in capsys.readouterr().out
    campaign.list_()
    listed = capsys.readouterr().out
    assert "寒冬送温暖 寒潮橙色 进行中 · cold wave orange, runs" in listed
    number = listed.split()[0]
    campaign.show(number.lower())
    shown = capsys.readouterr().out
    assert "quilt × 1" in shown
    assert "启动（橙色） opened (orange) · command-line" in shown
    campaign.close(number, note="回暖")
    assert f"已结束 {number}。" in capsys.readouterr().out
    campaign.list_()
    assert "已结束 人工结束" in capsys.readouterr().out
    with pytest.raises(Conflict):
        campaign.close(number, note="再结束")


def test_what_cannot_be_is_said_in_words() -> None:
    with pytest.raises(NotFound):
        campaign.show("Z1")
    with pytest.raises(Invalid) as none:
        campaign.open_("sandstorm", note="沙尘", colour="red")
    assert none.value.code == "no_plan"
