"""What was wrong with a request, in words: the decoder speaks to programmers, whoever sent it may be somebody on the street.

`in_words` turns one of its messages into a field and a sentence in both languages. Pure.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct


class FieldFault(Struct, frozen=True):
    """One thing that is wrong. field: a path such as `place.lon`, empty for the whole body."""

    field: str
    zh: str
    en: str

    def sentence(self) -> tuple[str, str]:
        """The fault with its field named, in Chinese and in English."""
        if not self.field:
            return self.zh, f"the body {self.en}"
        name = NAMES.get(self.field.rpartition(".")[2].partition("[")[0])
        shown = f"“{name}”（{self.field}）" if name else self.field
        return f"{shown}{self.zh}", f"{self.field} {self.en}"


# Fields that people fill in by hand, as the forms call them.
NAMES: Final[Mapping[str, str]] = {
    "place": "位置",
    "lon": "经度",
    "lat": "纬度",
    "crs": "坐标系",
    "accuracy_m": "定位精度",
    "channel": "来源",
    "occurred_at": "发生时间",
    "people_count": "人数",
    "looks": "外貌特征",
    "dangers": "危险情形",
    "description": "描述",
    "address": "地址",
    "contact": "联系方式",
    "phone": "电话",
    "name": "姓名",
    "login": "登录名",
    "password": "口令",
    "reason": "理由",
    "note": "备注",
    "photo": "照片",
    "handled_at": "处置时间",
    "outcome": "处置结果",
    "people": "受助人员",
    "team_id": "队伍",
    "roles": "角色",
    "regions": "辖区",
    "limit": "每页条数",
    "cursor": "翻页标记",
    "after": "起始序号",
}

_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "int": ("整数", "a whole number"),
    "float": ("数字", "a number"),
    "str": ("文字", "text"),
    "bool": ("true 或 false", "true or false"),
    "array": ("列表", "a list"),
    "object": ("对象", "an object"),
    "null": ("空", "empty"),
    "datetime": ("带时区的时间", "a time with its zone"),
    "uuid": ("编号（UUID）", "an id (UUID)"),
    "bytes": ("文件", "a file"),
}
_ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "<=": ("不大于", "at most"),
    ">=": ("不小于", "at least"),
    "<": ("小于", "less than"),
    ">": ("大于", "more than"),
}
_LENGTHS: Final[Mapping[str, tuple[str, str]]] = {"<=": ("最多", "at most"), ">=": ("至少", "at least")}
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What may be repeated of what somebody typed: it reads as a code. Else it may be anything, in the wrong place."""
NOT_BLANK: Final = r"[^\s\x00-\x1f\x7f]"
"""The pattern of a text that says something."""


def in_words(message: str, field: str) -> FieldFault:
    """The decoder's message about a field (`data` is the body itself), for people."""
    field = "" if field == "data" else field
    for pattern, say in _RULES:
        if (match := pattern.search(message)) is not None:
            return say(field, match)
    return FieldFault(field, "格式不对", "is not in the right form")


def _missing(field: str, match: re.Match[str]) -> FieldFault:
    return FieldFault(_within(field, match[1]), "没有填写", "is missing")


def _unknown(field: str, match: re.Match[str]) -> FieldFault:
    if not _NAME.fullmatch(match[1]):
        return FieldFault(field, "含有未知的字段", "has a field that does not belong here")
    return FieldFault(_within(field, match[1]), "不是这里的字段", "is not a field of this")


def _long(field: str, match: re.Match[str]) -> FieldFault:
    unit = ("个字", "characters") if match[1].startswith("str") else ("项", "entries")
    zh, en = _LENGTHS.get(match[2], ("应为", "exactly"))
    return FieldFault(field, f"{zh} {match[3]} {unit[0]}", f"has {en} {match[3]} {unit[1]}")


def _range(field: str, match: re.Match[str]) -> FieldFault:
    zh, en = _ORDERS[match[2]]
    bound = match[3].removesuffix(".0")
    return FieldFault(field, f"应{zh} {bound}", f"is {en} {bound}")


def _pattern(field: str, match: re.Match[str]) -> FieldFault:
    if match[1].replace("\\\\", "\\") == NOT_BLANK:
        return FieldFault(field, "不能为空", "may not be empty")
    return FieldFault(field, "格式不对", "is not in the right form")


def _type(field: str, match: re.Match[str]) -> FieldFault:
    kinds = [_TYPES.get(kind.strip(), ("其他格式", "something else")) for kind in match[1].split("|")]
    named = [kind for kind in kinds if kind != _TYPES["null"]] or kinds
    return FieldFault(
        field,
        f"应为{'或'.join(dict.fromkeys(zh for zh, _ in named))}",
        f"should be {' or '.join(dict.fromkeys(en for _, en in named))}",
    )


def _choice(field: str, match: re.Match[str]) -> FieldFault:
    said = match[1].strip("'")
    if not _NAME.fullmatch(said):
        return FieldFault(field, "不是可选的值", "is none of the choices")
    return FieldFault(field, f"没有“{said}”这个选项", f"has no choice '{said}'")


def _saying(zh: str, en: str) -> Callable[[str, re.Match[str]], FieldFault]:
    return lambda field, _: FieldFault(field, zh, en)


def _within(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[str, re.Match[str]], FieldFault]], ...]] = (
    (re.compile(r"missing required field `(.+?)`"), _missing),
    (re.compile(r"contains unknown field `(.+?)`"), _unknown),
    (re.compile(r"Expected `(.+?)` of length (<=|>=|==) (\d+)"), _long),
    (re.compile(r"Expected `(.+?)` (<=|>=|<|>) (\S+)"), _range),
    (re.compile(r"Expected `str` matching regex '(.+)'", re.DOTALL), _pattern),
    (re.compile(r"Expected `(.+?)`"), _type),
    (re.compile(r"Invalid enum value (.+)", re.DOTALL), _choice),
    (re.compile(r"Invalid UUID"), _saying("不是有效的编号（UUID）", "is not an id (UUID)")),
    (
        re.compile(r"RFC3339|datetime"),
        _saying("时间格式不对，应如 2016-09-19T06:00:00+08:00", "is not a time such as 2016-09-19T06:00:00+08:00"),
    ),
    (re.compile(r"^'data'$"), _saying("请求没有内容", "is empty")),
    (re.compile(r"<class 'list'>"), _saying("只能有一个", "may be given once only")),
    (re.compile(r"out of range|too large|not.*finite"), _saying("数值超出范围", "is out of range")),
)
