"""The doctor tells each fault in words, in both languages, with what to do."""

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from backend import migrations
from ops import check_machine, check_services, doctor
from ops.findings import Finding, Patient
from ops.local.services import Services
from tests.keys import KEYS

SECRET = "fN3vQ8xT2mL7cR5wZ1kB9hY4pD6sJ0aG"


@pytest.fixture
def healthy(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """An environment in which everything is there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "RESCUE_DATABASE_URL": database_url,
        "RESCUE_REDIS_URL": redis_url,
        "RESCUE_SECRET_KEY": SECRET,
        "RESCUE_PERSONAL_KEYS": KEYS,
        "RESCUE_DATA": str(tmp_path / "files"),
        "RESCUE_PORT": str(port),
    }


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """A folder of embedded services in which nothing runs."""
    return tmp_path / ".local"


def of(findings: list[Finding], check: str) -> Finding:
    """The first finding of a check, the faults first."""
    return min((finding for finding in findings if finding.check == check), key=lambda finding: finding.ok)


def faults(findings: list[Finding]) -> set[str]:
    """The checks that found a fault, those of the city apart: they depend on what has been imported."""
    return {finding.check for finding in findings if not finding.ok} - {"city", "roads", "policy"}


def test_a_healthy_machine_has_no_faults(healthy: dict[str, str], embedded: Path) -> None:
    findings = doctor.examine(healthy, embedded)
    assert faults(findings) == set()
    assert {finding.check for finding in findings} >= {
        "python", "packages", "time_zones", "settings", "data_folder", "disk", "port",
        "postgres_programs", "database", "postgis", "migrations", "clock_skew", "redis",
    }  # fmt: skip


def test_nothing_named_and_nothing_running(embedded: Path) -> None:
    findings = doctor.examine({"RESCUE_SECRET_KEY": SECRET, "RESCUE_PERSONAL_KEYS": KEYS}, embedded)
    assert faults(findings) - {"port"} == {"database", "redis"}
    assert "rescue db up" in of(findings, "database").remedy_en
    assert "RESCUE_REDIS_URL" in of(findings, "redis").remedy_zh


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("RESCUE_DATABASE_URL", "postgresql://u@127.0.0.1:1/x", "database"),
        ("RESCUE_DATABASE_URL", "postgresql://u@no-such-host.invalid/x", "database"),
        ("RESCUE_REDIS_URL", "redis://127.0.0.1:1", "redis"),
        ("RESCUE_REDIS_URL", "unix:///nowhere/valkey.sock", "redis"),
        ("RESCUE_HOST", "192.0.2.1", "port"),
        ("RESCUE_LOG_LEVEL", "loud", "settings"),
        ("RESCUE_SECRET_KEY", "short", "settings"),
        ("RESCUE_DATA", "/etc/hostname/files", "data_folder"),
        ("RESCUE_CITY", "/nowhere", "city"),
    ],
)
def test_each_fault_is_found_and_comes_with_a_remedy(
    healthy: dict[str, str], embedded: Path, name: str, value: str, check: str
) -> None:
    found = of(doctor.examine(healthy | {name: value}, embedded), check)
    assert not found.ok
    assert found.zh
    assert found.en
    assert found.remedy_zh
    assert found.remedy_en


def test_a_port_that_another_programme_has(healthy: dict[str, str], embedded: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        findings = doctor.examine(healthy | {"RESCUE_PORT": str(other.getsockname()[1])}, embedded)
    assert faults(findings) == {"port"}
    assert "RESCUE_PORT" in of(findings, "port").remedy_en


def test_a_database_that_was_never_migrated(healthy: dict[str, str], embedded: Path, empty_database_url: str) -> None:
    findings = doctor.examine(healthy | {"RESCUE_DATABASE_URL": empty_database_url}, embedded)
    assert faults(findings) == {"migrations"}
    assert str(migrations.head()) in of(findings, "migrations").en
    assert "rescue db migrate" in of(findings, "migrations").remedy_en


def test_packages_that_differ_from_the_lock_file(
    healthy: dict[str, str], embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "msgspec==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1.0\nnever-here==1 ; sys_platform == 'win32'\n"
    )
    monkeypatch.setattr(check_machine, "LOCK", lock)
    found = of(doctor.examine(healthy, embedded), "packages")
    assert not found.ok
    assert "msgspec" in found.en
    assert "no-such-package" in found.en
    assert "never-here" not in found.en


def test_too_old_or_too_far_apart() -> None:
    assert not check_services.server_version(14).ok
    assert not check_services.postgis_of(None).ok
    assert not check_services.postgis_of("3.2.1").ok
    assert check_services.postgis_of("3.10.0").ok
    assert not check_services.skew_of(timedelta(seconds=-3)).ok


def test_a_full_disk(healthy: dict[str, str], embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_machine, "LEAST_FREE_BYTES", 10**18)
    assert faults(doctor.examine(healthy, embedded)) == {"disk"}


def test_a_check_that_breaks_is_a_finding_and_not_a_traceback(
    healthy: dict[str, str], embedded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_broken(_patient: Patient) -> Iterator[Finding]:
        raise RuntimeError("surprise")

    monkeypatch.setattr(doctor, "CHECKS", (check_broken,))
    assert "surprise" in doctor.examine(healthy, embedded)[0].en


def test_the_report_for_programs_and_the_exit_code(
    healthy: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (healthy | {"RESCUE_LOG_LEVEL": "loud"}).items():
        monkeypatch.setenv(name, value)
    assert doctor.doctor(json=True) == doctor.UNHEALTHY
    report = msgspec.json.decode(capsys.readouterr().out)
    assert report["ok"] is False
    assert {"check", "ok", "zh", "en", "remedy_zh", "remedy_en"} == set(report["findings"][0])


def test_the_report_for_people_puts_a_remedy_under_each_fault(
    healthy: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (healthy | {"RESCUE_LOG_LEVEL": "loud"}).items():
        monkeypatch.setenv(name, value)
    doctor.doctor()
    lines = capsys.readouterr().out.splitlines()
    fault = next(number for number, line in enumerate(lines) if line.startswith("✘ RESCUE_LOG_LEVEL"))
    assert lines[fault + 1].startswith("    → ")
    assert lines[0].startswith("✔ Python")


def test_looking_changes_nothing(healthy: dict[str, str], embedded: Path, local_services: Services) -> None:
    before = dict(os.environ)
    doctor.examine(healthy, embedded)
    assert not embedded.exists()
    assert dict(os.environ) == before
