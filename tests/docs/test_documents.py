"""What the documents name exists: links, commands, settings, folders, error codes of the feed."""

import re
import tomllib
from pathlib import Path

import pytest

from backend.dispatch.lifecycle import STAGE_NAMES
from backend.settings import NAMES
from ops.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "cities").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_command_that_a_page_names_exists() -> None:
    known = {name for name in app if not name.startswith("-")}
    for page in PAGES:
        for command in re.findall(r"(?:^|`|&& )rescue ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert command in known, f"{page.name}: rescue {command}"


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_every_setting_that_a_page_names_exists() -> None:
    for page in PAGES:
        named = set(re.findall(r"\bRESCUE_[A-Z_]+\b", page.read_text(encoding="utf-8")))
        assert named <= NAMES, page.name


def test_the_glossary_has_every_stage() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert [stage for stage in STAGE_NAMES if stage not in glossary] == []


def test_every_folder_of_the_architecture_page_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = re.findall(r"^\| `([a-z_/]+)`", page, re.MULTILINE)
    assert len(folders) > 8
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def test_no_address_of_a_registry_stands_in_the_pins() -> None:
    pins = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in pins
    assert "--hash=sha256:" in pins
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
