"""From a policy file to a `Policy`, or to every fault in it at once, each with its line and what would be right.

A city's file says what the city decides differently; what it leaves out is as in the default policy. Begin at
`load_policy`.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec

from backend.errors import Invalid, Refused
from backend.policy.checks import check
from backend.policy.fault import Fault
from backend.policy.sections import Policy
from backend.policy.span import SPAN_RIGHT_EN, SPAN_RIGHT_ZH, Span
from backend.policy.where import Path as KeyPath
from backend.policy.where import lines_of

DEFAULT_FILE: Final = Path(__file__).parent.parent / "policy_default.toml"


class PolicyFault(msgspec.Struct, frozen=True):
    """One fault: where it stands and, in both languages, what is wrong and what would be right."""

    file: str
    line: int
    key: str
    zh: str
    en: str


class PolicyError(Refused):
    """The policy file cannot be used. `problems` lists every fault."""

    status = 422
    code = "policy_invalid"

    def __init__(self, problems: list[PolicyFault]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line, p.key))
        zh = "\n".join(f"{p.file} 第{p.line}行 {p.key}: {p.zh}" for p in self.problems)
        en = "\n".join(f"{p.file} line {p.line}, {p.key}: {p.en}" for p in self.problems)
        super().__init__(zh, "\n" + en, problems=[msgspec.structs.asdict(p) for p in self.problems])


def load_policy(path: Path) -> Policy:
    """Read a city's file over the defaults. Raises PolicyError; OSError when there is no such file."""
    return parse_policy(path.read_text(encoding="utf-8"), path.name)


def default_policy() -> Policy:
    """The policy as shipped."""
    return parse_policy("", DEFAULT_FILE.name)


@cache
def default_text() -> str:
    """The file of the defaults, as shipped."""
    return DEFAULT_FILE.read_text(encoding="utf-8")


def parse_policy(text: str, file: str = "policy.toml") -> Policy:
    """The policy that `text` (TOML) makes of the defaults. Raises PolicyError with every fault."""
    written = _toml(text, file)
    default = _toml(default_text(), DEFAULT_FILE.name)
    faults: list[Fault] = []
    policy = _decode(Policy, _over(default, written), (), faults)
    if faults:  # the faulty keys aside, does the rest hold together? All faults are shown at once
        for fault in faults:
            _drop(written, fault.at)
        policy = _decode(Policy, _over(default, written), (), [])
    if policy is not None:
        faults += check(policy)
    if faults:
        lines = lines_of(text)
        raise PolicyError([PolicyFault(file, _line(lines, f.at), _dotted(f.at), f.zh, f.en) for f in faults])
    return policy  # type: ignore[no-any-return]


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        zh = "TOML 写法有误（引号、括号、等号或重复的键）。"
        raise PolicyError([PolicyFault(file, line, "TOML", zh, f"not valid TOML: {error}.")]) from error


def _over(default: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    """`written` laid over `default`, table by table; lists are replaced whole."""
    merged = dict(default)
    for key, value in written.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _drop(written: dict[str, Any], at: KeyPath) -> None:
    """Remove the key at `at`, or the whole list it is part of."""
    for n, part in enumerate(at):
        below = written.get(str(part))
        if n == len(at) - 1 or not isinstance(below, dict):
            written.pop(str(part), None)
            return
        written = below


def _decode(kind: Any, value: Any, at: KeyPath, faults: list[Fault]) -> Any:
    """`value` as `kind`; every fault found on the way down is added to `faults` and gives None."""
    if get_origin(kind) is UnionType or get_origin(kind) is Union:  # only `Span | None`
        return None if value == "beyond" else _decode(Span, value, at, faults)
    if kind is Span:
        return _span(value, at, faults)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind, value, at, faults)
    if get_origin(kind) is dict:
        return _table(get_args(kind), value, at, faults)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            return _fault(faults, at, f"应为列表 [ ... ]，现为 {value!r}。", f"must be a list [ ... ], not {value!r}.")
        return tuple(_decode(get_args(kind)[0], item, (*at, n), faults) for n, item in enumerate(value))
    return _leaf(kind, value, at, faults)


def _struct(kind: type[msgspec.Struct], value: Any, at: KeyPath, faults: list[Fault]) -> Any:
    if not isinstance(value, dict):
        return _fault(faults, at, f"应为一个表，现为 {value!r}。", f"must be a table, not {value!r}.")
    fields = {f.name: f.type for f in msgspec.structs.fields(kind)}
    for key in value.keys() - fields.keys():
        _unknown(key, fields, (*at, key), faults)
    before = len(faults)
    made = {name: _decode(t, value[name], (*at, name), faults) for name, t in fields.items() if name in value}
    for name in fields.keys() - value.keys():
        _fault(faults, (*at, name), "缺少此项。", "is missing.")
    return kind(**made) if len(faults) == before and len(made) == len(fields) else None


def _table(kinds: tuple[Any, Any], value: Any, at: KeyPath, faults: list[Fault]) -> Any:
    if not isinstance(value, dict):
        return _fault(faults, at, f"应为一个表，现为 {value!r}。", f"must be a table, not {value!r}.")
    known = get_args(kinds[0]) if get_origin(kinds[0]) is Literal else None
    for key in value:
        if known is not None and key not in known:
            _unknown(key, known, (*at, key), faults)
    if known is not None and kinds[1] is not Any:
        value = {k: v for k, v in value.items() if k in known}
    return {key: _decode(kinds[1], item, (*at, key), faults) for key, item in value.items()}


def _span(value: Any, at: KeyPath, faults: list[Fault]) -> Span | None:
    try:
        return Span.parse(value if isinstance(value, str) else repr(value))
    except Invalid as error:
        _fault(faults, at, f"{error.zh}应为{SPAN_RIGHT_ZH}。", f"{error.en} Write {SPAN_RIGHT_EN}.")
        return None


def _leaf(kind: Any, value: Any, at: KeyPath, faults: list[Fault]) -> Any:
    try:
        if isinstance(value, float) and not math.isfinite(value):
            raise msgspec.ValidationError("Expected a finite number")
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        zh, en = _right(kind)
        said = str(error).split(" - at")[0].replace("`", "'")
        near = _near(value, get_args(kind)) if get_origin(kind) is Literal else ("", "")
        return _fault(
            faults, at, f"{value!r} 不合适，应为{zh}。{near[0]}", f"{value!r} will not do ({said}): use {en}.{near[1]}"
        )


def _right(kind: Any) -> tuple[str, str]:
    """What a leaf of this kind may be, in words."""
    if get_origin(kind) is Literal:
        choices = ", ".join(f'"{c}"' for c in get_args(kind))
        return f"其中之一: {choices}", f"one of {choices}"
    base, meta = kind, None
    if hasattr(kind, "__metadata__"):
        base, meta = kind.__origin__, kind.__metadata__[0]
    zh, en = {
        "float": ("数字", "a number"),
        "int": ("整数", "a whole number"),
        "bool": ("true 或 false", "true or false"),
        "str": ("文字", "text"),
        "date": ("日期，如 2027-01-01", "a date such as 2027-01-01"),
    }[base.__name__]
    for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        if meta is not None and getattr(meta, name) is not None:
            zh, en = f"{zh} {sign} {getattr(meta, name)}", f"{en} {sign} {getattr(meta, name)}"
    if meta is not None and meta.pattern:
        zh, en = "如 08:30-12:00 的时段", "a period such as 08:30-12:00"
    if meta is not None and meta.min_length:
        zh, en = "不为空的文字", "text that is not empty"
    return zh, en


def _unknown(key: str, known: Iterable[str], at: KeyPath, faults: list[Fault]) -> None:
    near = _near(key, known)
    _fault(faults, at, f"没有“{key}”这一项。{near[0]}", f"there is no '{key}' here.{near[1]}")


def _near(key: object, known: Iterable[str]) -> tuple[str, str]:
    choices = sorted(known)
    close = difflib.get_close_matches(str(key), choices, n=1, cutoff=0.6)
    if close:
        return f"是否想写“{close[0]}”?", f" Did you mean '{close[0]}'?"
    return f"可用: {', '.join(choices)}。", f" Known: {', '.join(choices)}."


def _fault(faults: list[Fault], at: KeyPath, zh: str, en: str) -> None:
    faults.append(Fault(at, zh, en))


def _line(lines: dict[KeyPath, int], at: KeyPath) -> int:
    """The line of the key, or of the nearest table around it that the file mentions."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _dotted(at: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")
