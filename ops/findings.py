"""What the doctor's checks are given and what they say. Begin at `judged`."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `remedy_*` say what to do, and are empty where all is well."""

    check: str
    ok: bool
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""


class Patient(msgspec.Struct, frozen=True):
    """What is examined: the environment completed by the embedded services, and the settings that can be used."""

    environment: Mapping[str, str]
    values: Mapping[str, object]
    embedded: Path


def well(check: str, zh: str, en: str) -> Finding:
    return Finding(check=check, ok=True, zh=zh, en=en)


def judged(
    check: str, ok: bool, said: tuple[str, str], remedy: tuple[str, str], otherwise: tuple[str, str] | None = None
) -> Finding:
    """`said` when all is well (and always, where there is no `otherwise`), with the remedy when it is not."""
    zh, en = said if ok or otherwise is None else otherwise
    remedy_zh, remedy_en = ("", "") if ok else remedy
    return Finding(check=check, ok=ok, zh=zh, en=en, remedy_zh=remedy_zh, remedy_en=remedy_en)


type Check = Callable[[Patient], Iterator[Finding]]
