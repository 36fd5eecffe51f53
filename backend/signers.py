"""Whose signature a weather warning must carry: the certificates of an installation's folder. Read once per process.

The folder (`RESCUE_WARNING_CERTIFICATES`): certificates as PEM, and `senders.csv` with the columns `of,certificate,unsigned`. `of` is a
sender as its warnings write it, or the beginning of a source's address, or `*` for all; `certificate` a file of the folder, which may
hold several (the old one and the next); `unsigned`: `refused`, or `taken` while a sender is still changing over. Begin at `open_signers`.

Only these very certificates count. An authority's would say that somebody is known to it, not that they are the weather service.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from backend.errors import Invalid

COLUMNS: Final = ("of", "certificate", "unsigned")
EVERYBODY: Final = "*"
UNSIGNED: Final = ("refused", "taken")


@dataclass(frozen=True)
class Signer:
    """One line: whose warnings, by which certificates, and whether unsigned ones of theirs are taken."""

    of: str
    certificates: tuple[x509.Certificate, ...]
    takes_unsigned: bool = False

    def runs_out(self) -> datetime:
        """When the last of its certificates ends."""
        return max(one.not_valid_after_utc for one in self.certificates)


@dataclass(frozen=True)
class Signers:
    """All of them; none where no certificate is configured."""

    known: tuple[Signer, ...] = field(default=())

    def of(self, sender: str, source: str) -> Signer | None:
        """Who must have signed this sender's warning that came from there: the most particular line that fits."""
        by_sender = [one for one in self.known if one.of == sender]
        by_source = [one for one in self.known if one.of != EVERYBODY and source.startswith(one.of)]
        for_all = [one for one in self.known if one.of == EVERYBODY]
        by_source.sort(key=lambda one: len(one.of), reverse=True)
        return next(iter([*by_sender, *by_source, *for_all]), None)


def open_signers(folder: Path) -> Signers:
    """The folder's certificates. Raises Invalid naming the file and the line that is wrong."""
    table = folder / "senders.csv"
    if not table.is_file():
        raise Invalid(
            f"预警证书目录 {folder} 中没有 senders.csv。",
            f"There is no senders.csv in the folder of certificates {folder}.",
            field=str(table),
        )
    return Signers(tuple(_lines(folder, table)))


def _lines(folder: Path, table: Path) -> Iterator[Signer]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            of, certificate, unsigned = ((row.get(name) or "").strip() for name in COLUMNS)
            if not of or not certificate or unsigned not in ("", *UNSIGNED):
                raise _bad(
                    table, number, "应为“发布单位,证书文件,refused 或 taken”", "is: of,certificate,refused or taken"
                )
            yield Signer(of, _certificates(folder, certificate, table, number), takes_unsigned=unsigned == "taken")


def _certificates(folder: Path, name: str, table: Path, number: int) -> tuple[x509.Certificate, ...]:
    if Path(name).name != name:
        raise _bad(table, number, f"证书 {name} 须在本目录内", f"the certificate {name} must lie in this folder")
    try:
        return tuple(x509.load_pem_x509_certificates((folder / name).read_bytes()))
    except (OSError, ValueError) as fault:
        raise _bad(table, number, f"证书 {name} 无法读取：{fault}", f"certificate {name}: {fault}") from None


def _bad(table: Path, number: int, zh: str, en: str) -> Invalid:
    return Invalid(f"{table} 第 {number} 行有误：{zh}。", f"{table}, line {number}: {en}.", field=str(table))
