"""What has to hold before a process begins: looked at all at once, so that one start tells all that is wrong.

The checks are the doctor's. What is only worse and not impossible (Redis away, clocks apart, no roads) is a warning in the
log. Begin at `demand`.
"""

import os
from collections.abc import Sequence

import msgspec
import structlog

from backend.errors import Invalid
from backend.logs import configure_logs
from backend.settings import Settings
from ops import check_machine, check_push, check_services, doctor
from ops.findings import Check, Finding
from ops.local import services

WORKS_WITHOUT = frozenset({"redis", "clock_skew", "roads", "policy", "disk", "after", "push"})
"""Findings that a process starts with all the same."""

FOR_A_WORKER: tuple[Check, ...] = (
    check_machine.check_settings,
    check_machine.check_disk,
    check_machine.check_metrics_port,
    check_services.check_database,
    check_services.check_redis,
    doctor.check_city,
    check_push.check_push,
)
FOR_A_SERVER: tuple[Check, ...] = (*FOR_A_WORKER, check_machine.check_port)

_log = structlog.get_logger("start")


def demand(checks: Sequence[Check], *, host: str | None = None, port: int | None = None) -> Settings:
    """The settings of this process, its logs set up by them. host, port: instead of RESCUE_HOST and RESCUE_PORT.

    Raises Invalid naming everything that keeps it from starting, in both languages.
    """
    given = dict(os.environ)
    given |= {"RESCUE_HOST": host} if host else {}
    given |= {"RESCUE_PORT": str(port)} if port else {}
    findings = doctor.examine(given, services.folder_of_checkout(), checks)
    faults = [finding for finding in findings if not finding.ok and finding.check not in WORKS_WITHOUT]
    if faults:
        zh, en = "\n".join(map(_zh, faults)), "\n".join(map(_en, faults))
        raise Invalid(zh, en, code="cannot_start", faults=[msgspec.structs.asdict(fault) for fault in faults])
    settings = Settings.from_environment(services.environment(services.folder_of_checkout(), given))
    configure_logs(settings.log_level)
    for finding in findings:
        if not finding.ok:
            _log.warning("degraded", check=finding.check, zh=_zh(finding), en=_en(finding))
    return settings


def _zh(finding: Finding) -> str:
    return finding.zh + (f"；{finding.remedy_zh}" if finding.remedy_zh else "")


def _en(finding: Finding) -> str:
    return finding.en + (f"; {finding.remedy_en}" if finding.remedy_en else "")
