"""`rescue warning read`: an operator sees what a file means here before anything acts on it."""

from pathlib import Path

import pytest

from ops.cli import main
from tests.campaign.warnings_made import an_alert, an_info


def test_a_file_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, elsewhere, drill = (tmp_path / f"{name}.xml" for name in ("ours", "elsewhere", "drill"))
    code = "<geocode><valueName>CPEAS Geographic Code</valueName><value>{}</value></geocode>"
    ours.write_bytes(an_alert(an_info(area=code.format("210202000000"))))
    elsewhere.write_bytes(an_alert(an_info(area=code.format("370614000000"))))
    drill.write_bytes(an_alert(status="Exercise"))
    with pytest.raises(SystemExit) as ended:
        main(["warning", "read", str(ours), str(elsewhere), str(drill)])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "寒潮 蓝色 · cold wave, blue" in said
    assert "涉及 Concerns: 中山区" in said
    assert "与大连无关" in said
    assert "演习、测试或回执" in said


def test_what_is_no_warning_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.html").write_text("<html/>")
    with pytest.raises(SystemExit) as ended:
        main(["warning", "read", str(tmp_path / "page.html")])
    assert ended.value.code == 2
    assert "这不是 CAP 预警" in capsys.readouterr().err
