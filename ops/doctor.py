"""`rescue doctor`: what is missing or wrong on this machine, in words, with what to do about it.

Begin at `CHECKS`: each looks at one thing and returns its findings; one that breaks in a way nobody thought of becomes
a finding too. Starts nothing and changes nothing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from backend.city import City, open_city
from backend.clock import SystemClock
from backend.errors import Refused
from backend.settings import read as read_settings
from backend.signers import Signers
from ops import check_machine, check_push, check_services
from ops.findings import Check, Finding, Patient, judged, well
from ops.load_city import read_facilities
from ops.local import services

UNHEALTHY = 1
CERTIFICATE_NOTICE = timedelta(days=30)


def doctor(*, json: bool = False) -> int:
    """检查运行环境，指出问题和解决办法。Check what the programme needs here, and say how to put right what is wrong.

    Parameters
    ----------
    json
        输出 JSON，供程序读取。As JSON, for programs.
    """
    findings = examine(os.environ, services.folder_of_checkout())
    healthy = all(finding.ok for finding in findings)
    if json:
        report = {"ok": healthy, "findings": findings}
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        print("\n".join(line for finding in findings for line in _lines(finding)))
    return 0 if healthy else UNHEALTHY


def examine(environment: Mapping[str, str], embedded: Path, checks: Sequence[Check] | None = None) -> list[Finding]:
    """All findings for an environment and the folder of its embedded services, in the order of `checks` (all of them)."""
    given = {name: value for name, value in environment.items() if name.startswith("RESCUE_")}
    completed = services.environment(embedded, given)
    values, _ = read_settings(completed)
    patient = Patient(completed, values, embedded)
    return [finding for check in checks or CHECKS for finding in _guarded(check, patient)]


def check_city(patient: Patient) -> Iterator[Finding]:
    """The folder can be read and says nothing wrong; without roads it works, but worse."""
    folder = patient.values.get("city_folder")
    if not isinstance(folder, Path):
        return
    remedy = (
        f"检查 RESCUE_CITY 和 {folder} 中的文件；新建城市用 rescue city import。",
        f"look at RESCUE_CITY and the files in {folder}; a new city is made by rescue city import",
    )
    try:
        city = open_city(folder)
    except Refused as wrong:
        yield judged("city", False, (wrong.zh, wrong.en), remedy)
    except (OSError, ValueError, KeyError) as wrong:
        said = f"{type(wrong).__name__}: {wrong}"
        yield judged("city", False, (f"城市目录无法读取：{said}", f"the city's folder cannot be read: {said}"), remedy)
    else:
        yield well("city", f"城市 {city.name_zh}（{folder}）", f"the city is {city.name_en} ({folder})")
        yield judged(
            "roads",
            city.roads is not None,
            ("路网 roads.graph 可读", "roads.graph can be read"),
            (
                "运行 rescue city import 生成路网；在此之前按直线距离估算。",
                "make it with rescue city import; until then distances are straight lines",
            ),
            ("没有路网 roads.graph", "there is no roads.graph"),
        )
        yield judged(
            "policy",
            (folder / "policy.toml").exists(),
            ("规则 policy.toml 可读", "policy.toml can be read"),
            (
                "复制一份默认规则后按本市修改；在此之前用默认规则。",
                "copy the default policy and adapt it; until then the defaults hold",
            ),
            ("没有规则 policy.toml", "there is no policy.toml"),
        )
        yield from _points(city, folder)


def _points(city: City, folder: Path) -> Iterator[Finding]:
    """The temporary points that plans name are in the city's table; others may have been made at the desk."""
    if not (folder / "facilities.csv").exists():
        return
    known = {one["code"] for one in read_facilities(folder / "facilities.csv") if one["kind"] == "temporary_point"}
    plans = city.policy.campaign.plans
    named = {code for graded in plans.values() for plan in graded.values() for code in plan.points}
    listed = "、".join(sorted(named - known))
    yield judged(
        "points",
        named <= known,
        ("预案中的临时点都在 facilities.csv 中", "the temporary points of all plans are in facilities.csv"),
        (
            "改正 policy.toml 中 points 的编号，或在 facilities.csv 中补上（kind 为 temporary_point）。",
            "put the codes in policy.toml right, or add them to facilities.csv (kind temporary_point)",
        ),
        (f"facilities.csv 中没有临时点 {listed}", f"facilities.csv has no temporary point {listed}"),
    )


def check_signers(patient: Patient) -> Iterator[Finding]:
    """No certificate of a sender of warnings ends soon: from then on its warnings would be refused."""
    known = patient.values.get("signers")
    now = SystemClock().now()
    for signer in known.known if isinstance(known, Signers) else ():
        ends = signer.runs_out()
        yield judged(
            "signers",
            ends > now + CERTIFICATE_NOTICE,
            (
                f"“{signer.of}”的预警证书有效至 {ends:%Y-%m-%d}",
                f"the certificate of {signer.of} is good until {ends:%Y-%m-%d}",
            ),
            (
                "向发布单位取得新证书，追加到同一 PEM 文件；过期后其预警一律不予采用。",
                "add the sender's next certificate to the same PEM file; once it has ended its warnings are refused",
            ),
            (
                f"“{signer.of}”的预警证书 {ends:%Y-%m-%d} 到期",
                f"the certificate of {signer.of} ends on {ends:%Y-%m-%d}",
            ),
        )


CHECKS: tuple[Check, ...] = (
    check_machine.check_python,
    check_machine.check_packages,
    check_machine.check_time_zones,
    check_machine.check_font,
    check_machine.check_settings,
    check_machine.check_disk,
    check_machine.check_port,
    check_machine.check_metrics_port,
    check_services.check_postgres_programs,
    check_services.check_database,
    check_services.check_redis,
    check_city,
    check_signers,
    check_push.check_push,
    check_push.check_refused,
)


def _guarded(check: Check, patient: Patient) -> list[Finding]:
    name = check.__name__.removeprefix("check_")
    try:
        return list(check(patient))
    except Refused as wrong:
        return [Finding(check=name, ok=False, zh=wrong.zh, en=wrong.en)]
    except Exception as wrong:  # noqa: BLE001 - whatever breaks a check is what the person has to hear about
        said = f"{type(wrong).__name__}: {wrong}"
        return [Finding(check=name, ok=False, zh=f"检查失败：{said}", en=f"the check itself failed: {said}")]


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{'✔' if finding.ok else '✘'} {finding.zh}  {finding.en}"
    if finding.remedy_zh:
        yield f"    → {finding.remedy_zh}  {finding.remedy_en}"
