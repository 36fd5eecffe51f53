"""The doctor's checks of this machine: Python, packages, time zones, settings, disk, port."""

import importlib.metadata
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from packaging.requirements import InvalidRequirement, Requirement

from backend.errors import Unavailable
from backend.paper import typeset
from backend.settings import SETTINGS
from backend.settings import read as read_settings
from ops.findings import Finding, Patient, judged, well

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
LEAST_FREE_BYTES = 2 * 1024**3


def check_python(_patient: Patient) -> Iterator[Finding]:
    """Version 3.12, as the lock file was made for."""
    found = ".".join(map(str, sys.version_info[:3]))
    yield judged(
        "python",
        sys.version_info[:2] == (3, 12),
        (f"Python {found}", f"Python {found}"),
        ("需要 Python 3.12：运行 make setup。", "Python 3.12 is needed: run make setup"),
    )


def check_packages(_patient: Patient) -> Iterator[Finding]:
    """Installed versions are those of requirements.lock."""
    wrong = list(_wrong_packages(LOCK.read_text())) if LOCK.exists() else []
    shown = ", ".join(wrong[:5]) + (f" … ({len(wrong)})" if len(wrong) > 5 else "")
    yield judged(
        "packages",
        not wrong,
        ("软件包与 requirements.lock 一致", "packages are those of requirements.lock"),
        ("运行 make setup（它会按锁文件安装）。", "run make setup, which installs what the lock file says"),
        (f"软件包与 requirements.lock 不一致：{shown}", f"packages differ from requirements.lock: {shown}"),
    )


def check_time_zones(_patient: Patient) -> Iterator[Finding]:
    """The machine knows China Standard Time."""
    try:
        known = datetime(2016, 9, 19, tzinfo=ZoneInfo("Asia/Shanghai")).utcoffset() == timedelta(hours=8)
    except ZoneInfoNotFoundError:
        known = False
    yield judged(
        "time_zones",
        known,
        ("时区数据 Asia/Shanghai", "time zone data for Asia/Shanghai"),
        ("安装时区数据：apt-get install tzdata。", "install time zone data: apt-get install tzdata"),
    )


def check_font(_patient: Patient) -> Iterator[Finding]:
    """Documents can be set in Chinese."""
    try:
        family = typeset.font()
    except Unavailable as wrong:
        remedy = ("安装中文字体：apt-get install fonts-noto-cjk。", "install a font: apt-get install fonts-noto-cjk")
        yield judged("font", False, (wrong.zh, wrong.en), remedy)
    else:
        yield well("font", f"文档字体 {family}", f"documents are set in {family}")


def check_settings(patient: Patient) -> Iterator[Finding]:
    """Every RESCUE_* variable can be used. Those of services that are merely not running are told by their own check."""
    own_check = {name for name in ("RESCUE_DATABASE_URL", "RESCUE_REDIS_URL") if name not in patient.environment}
    faults = [fault for fault in read_settings(patient.environment)[1] if fault.name not in own_check]
    for fault in faults:
        yield Finding(
            check="settings",
            ok=False,
            zh=fault.zh,
            en=fault.en,
            remedy_zh="全部设置见 rescue settings。",
            remedy_en="all settings: rescue settings",
        )
    if not faults:
        yield well("settings", f"{len(SETTINGS)} 项设置有效", f"{len(SETTINGS)} settings are valid")


def check_disk(patient: Patient) -> Iterator[Finding]:
    """Room and permission for photos and, where embedded, the database."""
    folder = patient.values.get("data_folder")
    if not isinstance(folder, Path):
        return
    place = next(part for part in (folder, *folder.parents) if part.exists())
    free_bytes = shutil.disk_usage(place).free
    writable = place.is_dir() and os.access(place, os.W_OK)
    yield judged(
        "data_folder",
        writable,
        (f"文件目录 {folder} 可写", f"the data folder {folder} can be written"),
        (f"给运行用户 {place} 的写权限，或改 RESCUE_DATA。", f"let this user write to {place}, or change RESCUE_DATA"),
        (f"文件目录 {folder} 不可写", f"the data folder {folder} cannot be written"),
    )
    yield judged(
        "disk",
        free_bytes >= LEAST_FREE_BYTES,
        (f"磁盘剩余 {free_bytes / 1024**3:.1f} GiB", f"{free_bytes / 1024**3:.1f} GiB of disk are free"),
        (
            f"{place} 所在磁盘请留出至少 {LEAST_FREE_BYTES // 1024**3} GiB。",
            f"free at least {LEAST_FREE_BYTES // 1024**3} GiB on the disk of {place}",
        ),
    )


def check_port(patient: Patient) -> Iterator[Finding]:
    """The server's address can be bound."""
    host, port = patient.values.get("host"), patient.values.get("port")
    if isinstance(host, str) and isinstance(port, int):
        yield _served("port", host, port) or _bindable("port", host, port, "RESCUE_PORT")


def _served(check: str, host: str, port: int) -> Finding | None:
    """This programme itself, if it answers there."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared with, not bound to
    try:
        said = httpx.get(f"http://{shown}:{port}/health", timeout=3, trust_env=False).json()
        status, degraded = str(said["status"]), "、".join(said.get("degraded", ()))
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
    told = f"{status}（{degraded}）" if degraded else status
    zh, en = f"本系统正在 {shown}:{port} 运行：{told}", f"this programme is running on {shown}:{port}: {told}"
    return well(check, zh, en)


def check_metrics_port(patient: Patient) -> Iterator[Finding]:
    """The worker's address for its figures can be bound, where it has one."""
    host, port = patient.values.get("host"), patient.values.get("worker_metrics_port")
    if isinstance(host, str) and isinstance(port, int):
        yield _bindable("metrics_port", host, port, "RESCUE_WORKER_METRICS_PORT")


def _bindable(check: str, host: str, port: int, variable: str) -> Finding:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as trouble:
        return Finding(
            check=check,
            ok=False,
            zh=f"不能监听 {host}:{port}（{trouble.strerror}）；也可能是本系统已在运行",
            en=f"cannot listen on {host}:{port} ({trouble.strerror}); this programme itself may be running there",
            remedy_zh=f"结束占用它的程序，或改 {variable} / RESCUE_HOST。",
            remedy_en=f"end the program that has it, or change {variable} or RESCUE_HOST",
        )
    return well(check, f"{host}:{port} 空闲", f"{host}:{port} is free")


def _wrong_packages(lock: str) -> Iterator[str]:
    for line in lock.splitlines():
        if line.startswith((" ", "#")) or "==" not in line:
            continue
        try:
            wanted = Requirement(line.rstrip(" \\"))
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{wanted.name} (—)"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted.name} ({found})"
