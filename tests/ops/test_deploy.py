"""The files to deploy with name what exists: settings, commands, metrics, files, sections of the documents."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import REGISTRY

from backend import metrics
from backend.settings import NAMES, read
from mobile_api.reports import LARGEST_PHOTO_BODY_BYTES
from ops.cli import app

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "ops/deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROMETHEUS_OWN = {"rescue_circle"}


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(text_of("prometheus/alerts.yaml"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> list[str]:
    panels = json.loads(text_of("grafana/rescue.json"))["panels"]
    return [alert["expr"] for alert in alerts()] + [t["expr"] for panel in panels for t in panel["targets"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_every_setting_that_a_file_names_exists(file: Path) -> None:
    assert set(re.findall(r"\bRESCUE_[A-Z_]+\b", file.read_text(encoding="utf-8"))) <= NAMES


def test_every_metric_of_an_alert_or_the_dashboard_is_one_of_ours() -> None:
    ours = {
        sample.name.removesuffix("_created")
        for name, collector in vars(metrics).items()
        if name.isupper()
        for family in collector.describe()
        for sample in (family, *family.samples)
    }
    ours |= {f"{name}{ending}" for name in ours for ending in ("_total", "_bucket", "_sum", "_count")}
    named = {name for expr in expressions() for name in re.findall(r"\brescue_[a-z_]+", expr)}
    assert named - ours - PROMETHEUS_OWN == set()
    assert len(named) > 20
    assert REGISTRY is not None


def test_every_alert_says_in_both_languages_what_is_wrong_and_where_it_is_told_what_to_do() -> None:
    anchors = set(re.findall(r"^### <a id=\"([a-z-]+)\"></a>", manual(), re.MULTILINE))
    for alert in alerts():
        summary = alert["annotations"]["summary"]
        assert re.search(r"[\u4e00-\u9fff]", summary), alert
        assert re.search(r"[a-z]{3} ", summary), alert
        page, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, alert["alert"]
        assert alert["labels"]["severity"] in ("critical", "warning")


def manual() -> str:
    return (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_the_compose_file_starts_commands_that_exist_and_stops_no_sooner_than_the_programme_does() -> None:
    compose = yaml.safe_load(text_of("compose.yaml"))
    known = {name for name in app if not name.startswith("-")}
    ours = [service for service in compose["services"].values() if service["image"] == "rescue-circle"]
    assert {service["command"][0] for service in ours} == {"serve", "worker", "db", "backup"} <= known
    assert sum(service["command"] == ["serve"] for service in ours) == 2
    assert sum(service["command"] == ["worker"] for service in ours) == 2
    for service in ours:
        settings = service["environment"]
        patience_s = int(settings["RESCUE_STOP_NOTICE_S"]) + int(settings["RESCUE_STOP_WITHIN_S"])
        assert int(service["stop_grace_period"].removesuffix("s")) > patience_s
        assert set(service["volumes"][0].split(":")[:1]) <= compose["volumes"].keys()


def test_the_values_of_the_compose_file_are_taken_by_the_programme() -> None:
    compose = yaml.safe_load(text_of("compose.yaml"))
    secret = {"RESCUE_SECRET_KEY", "RESCUE_PERSONAL_KEYS"}
    filled = {n: _filled(v) for n, v in compose["services"]["worker-1"]["environment"].items()}
    given = {name: value for name, value in filled.items() if name not in secret}
    wrong = {fault.name for fault in read({**given, "RESCUE_CITY": "dalian"})[1]}
    assert wrong == secret, "only what has to be filled in"


def _filled(value: str) -> str:
    """What may be left empty is; the rest is an x."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|[^}]*)\}", lambda found: "x" if found[1] is None else found[1], value)


def test_the_example_files_leave_open_what_must_be_secret() -> None:
    for name in ("env.example", "systemd/rescue.env.example"):
        for line in text_of(name).splitlines():
            if re.match(r"(RESCUE_SECRET_KEY|RESCUE_PERSONAL_KEYS|POSTGRES_PASSWORD)=", line):
                assert line.endswith("="), line


def test_what_the_image_is_built_from_exists_and_no_address_of_a_registry_stands_in_it() -> None:
    source = text_of("Containerfile")
    for line in re.findall(r"^COPY (?!--from)(.*)$", source, re.MULTILINE):
        *named, _ = line.split()
        assert [name for name in named if not (ROOT / name).exists()] == []
    images = re.findall(r"^FROM (\S+)", source, re.MULTILINE)
    images += [service["image"] for service in yaml.safe_load(text_of("compose.yaml"))["services"].values()]
    assert [image for image in images if "." in image.split("/")[0].split(":")[0]] == []
    assert re.search(r"^USER rescue$", source, re.MULTILINE)
    assert "://" not in source


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_exists_as_an_ordinary_user_with_few_rights(unit: Path) -> None:
    source = unit.read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=\S+/rescue ([a-z]+)", source, re.MULTILINE)
    assert command in {name for name in app if not name.startswith("-")}
    for line in (
        "User=rescue",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "PrivateTmp=yes",
    ):
        assert f"\n{line}" in source, line
    if patience := re.search(r"^TimeoutStopSec=(\d+)$", source, re.MULTILINE):
        example = dict(re.findall(r"^(RESCUE_STOP_\w+)=(\d+)$", text_of("systemd/rescue.env.example"), re.MULTILINE))
        assert int(patience.group(1)) > sum(map(int, example.values()))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
@pytest.mark.parametrize("unit", [*UNITS, DEPLOY / "systemd/rescue-backup.timer"], ids=lambda unit: unit.name)
def test_systemd_understands_every_line_of_a_unit(unit: Path, tmp_path: Path) -> None:
    for one in (*UNITS, DEPLOY / "systemd/rescue-backup.timer"):
        source = one.read_text(encoding="utf-8")
        (tmp_path / one.name).write_text(re.sub(r"/opt/rescue-circle/\S+/rescue", "/bin/true", source))
    name = unit.name.replace("@.", "@8080.")
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    ).stderr
    assert [line for line in said.splitlines() if "rescue" in line] == []


def test_the_proxies_log_no_addresses_and_hide_what_is_inside() -> None:
    nginx, caddy = text_of("proxy/nginx.conf"), text_of("proxy/Caddyfile")
    assert "access_log off;" in nginx
    assert not re.search(r"^\s*log\b", caddy, re.MULTILINE)
    for inside in ("/metrics", "/health"):
        assert f"location = {inside} {{ return 404; }}" in nginx
        assert inside in re.findall(r"@inside path (.*)", caddy)[0].split()
    for source in (nginx, caddy):
        assert "Strict-Transport-Security" in source
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx
    assert "header_up X-Forwarded-For {remote_host}" in caddy


def test_the_proxies_take_what_the_application_takes() -> None:
    megabytes = LARGEST_PHOTO_BODY_BYTES // 1_000_000
    assert f"client_max_body_size {megabytes}m;" in text_of("proxy/nginx.conf")
    assert f"max_size {megabytes}MB" in text_of("proxy/Caddyfile")
