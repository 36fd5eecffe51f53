"""On which line of a TOML text a key stands.

`tomllib` gives no positions (nor does tomlkit), and an operator who is told "clocks.accept is wrong" in a file of 400
lines deserves the line. This walks a text that `tomllib` has already accepted, so it need not find faults.
See docs/decisions/0301-policy-file.md.
"""

import re
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)*")
_INLINE: Final = re.compile(r"[ \t]*")
_PART: Final = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_SCALAR: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:[^"\\]|\\.)*"' + r"|'[^']*'" + r"|[^,\]\}\n#]+", re.DOTALL
)


def lines_of(text: str) -> dict[Path, int]:
    """Path of keys and list positions → line number from 1, for every key, table and list item of a valid TOML text."""
    return _Walk(text).file()


class _Walk:
    """A position in the text and what was found so far."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.lines = text, 0, dict[Path, int]()
        self.listed: dict[Path, int] = {}  # array of tables → how many so far

    def file(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.lines

    def _header(self) -> Path:
        line, double = self._line(), self.text.startswith("[[", self.at)
        self.at += 1 + double
        path = self._under_lists(self._key())
        self.at += 1 + double
        if double:
            number = self.listed[path] = self.listed.get(path, -1) + 1
            self.lines.setdefault(path, line)
            path = (*path, number)
        for depth in range(1, len(path)):  # tables around it that have no heading of their own
            self.lines.setdefault(path[:depth], line)
        self.lines[path] = line
        return path

    def _under_lists(self, key: Path) -> Path:
        """`[a.b]` under `[[a]]` means the last item of the list."""
        path: Path = ()
        for n, part in enumerate(key):
            path = (*path, part)
            if n < len(key) - 1 and path in self.listed:
                path = (*path, self.listed[path])
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_INLINE)
        if self.text[self.at] == "[":
            self._items(path)
        elif self.text[self.at] == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _items(self, path: Path) -> None:
        self.at += 1
        number = 0
        while not self._closes("]"):
            self.lines[(*path, number)] = self._line()
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _key(self) -> Path:
        parts: list[str] = []
        while found := _PART.match(self.text, self.at):
            self.at = found.end()
            parts.append(next(p for p in found.groups() if p is not None))
            if self.text[self.at] != ".":
                break
            self.at += 1
        return tuple(parts)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at + 1

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1
