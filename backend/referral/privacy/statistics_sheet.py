"""受助人员统计 as a table (CSV), in Chinese. Pure."""

import csv
from io import StringIO
from typing import Final

from backend.referral.forms.words import AGE_NAMES, SEX_NAMES
from backend.referral.people.person import VULNERABILITY_NAMES
from backend.referral.privacy.statistics import PeopleRow, PeopleStatistics
from backend.referral.station.stay import HOW_NAMES

FIRST: Final = ("月份", "区县代码", "区县", "受助人数", "登记", "进站", "转介", "年内再次受助", "离站")
NOTE: Final = "<5：少于 5 人；*：为防止推算而不公布。按人计，同一人同一格只计一次。"


def as_csv(of: PeopleStatistics) -> str:
    """A line for each month and district, and what the signs mean."""
    out = StringIO()
    table = csv.writer(out, lineterminator="\n")
    breakdowns = (("离站", HOW_NAMES), ("性别", SEX_NAMES), ("年龄", AGE_NAMES), ("情形", VULNERABILITY_NAMES))
    table.writerow([*FIRST, *(f"{label}：{zh}" for label, names in breakdowns for zh, _ in names.values())])
    table.writerows(_line(row, of.names[row.district]) for row in of.rows)
    table.writerow([NOTE])
    return out.getvalue()


def _line(row: PeopleRow, district: str) -> list[object]:
    first = [
        row.month,
        row.district,
        district,
        row.people,
        row.registered,
        row.taken_in,
        row.referred,
        row.again,
        row.left,
    ]
    return [
        *first,
        *(row.by_how[name] for name in HOW_NAMES),
        *(row.by_sex[name] for name in SEX_NAMES),
        *(row.by_age[name] for name in AGE_NAMES),
        *(row.by_ground[name] for name in VULNERABILITY_NAMES),
    ]
