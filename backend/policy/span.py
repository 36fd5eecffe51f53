"""How long something may take, as a department writes it: `5 min`, `24 h`, `3 wd`, `8 wh`, `1 month`.

Elapsed units (s, min, h, d) have a number of seconds by themselves; working units (wh, wd) and calendar months need
a calendar: see `backend.dispatch.calendar` and `backend.dispatch.clocks.deadline`.
"""

import re
from typing import Final, Literal, get_args

import msgspec

from backend.errors import Invalid

Unit = Literal["s", "min", "h", "d", "wh", "wd", "month"]

_SECONDS: Final[dict[str, int]] = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_NAMES: Final[dict[str, tuple[str, str]]] = {
    "s": ("秒", "s"),
    "min": ("分钟", "min"),
    "h": ("小时", "h"),
    "d": ("天", "d"),
    "wh": ("工作小时", "working hours"),
    "wd": ("个工作日", "working days"),
    "month": ("个月", "months"),
}
_WRITTEN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")

SPAN_RIGHT_ZH: Final = '数字加单位，如 "90 s" "5 min" "24 h" "2 d" "8 wh"（工作小时）"3 wd"（工作日）"1 month"'
SPAN_RIGHT_EN: Final = (
    'a number and a unit: "90 s", "5 min", "24 h", "2 d", "8 wh" (working hours), "3 wd" (working days), "1 month"'
)


class Span(msgspec.Struct, frozen=True):
    """A length of time. `amount` > 0, except that a configured wait may be 0; months are whole."""

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, written: str) -> "Span":
        """`"5 min"` → Span(5, "min"). Raises Invalid with what would be right."""
        found = _WRITTEN.fullmatch(written)
        if found is None or found[2] not in get_args(Unit):
            raise Invalid(f"看不懂时长“{written}”。", f"'{written}' is not a length of time.", hint=SPAN_RIGHT_EN)
        amount = float(found[1])
        if found[2] == "month" and not amount.is_integer():
            raise Invalid(f"“{written}”: 月数须为整数。", f"'{written}': months are whole.", hint="1 month")
        return cls(amount, found[2])  # type: ignore[arg-type]

    @property
    def is_elapsed(self) -> bool:
        """Whether the unit is clock time, the same for everybody, without a calendar."""
        return self.unit in _SECONDS

    @property
    def is_working(self) -> bool:
        """Whether it counts working time only."""
        return self.unit in ("wh", "wd")

    @property
    def seconds(self) -> float:
        """Length in seconds. Raises ValueError for units that need a calendar."""
        if self.unit not in _SECONDS:
            raise ValueError(f"{self} has no fixed number of seconds; ask dispatch.clocks.deadline")
        return self.amount * _SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"

    @property
    def zh(self) -> str:
        return f"{self.amount:g}{_NAMES[self.unit][0]}"

    @property
    def en(self) -> str:
        return f"{self.amount:g} {_NAMES[self.unit][1]}"
