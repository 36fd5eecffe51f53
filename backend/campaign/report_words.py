"""How a report's values read on paper and in sheets: Chinese first, English second. Pure."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from backend.campaign.hazard import COLOUR_NAMES, HAZARD_NAMES
from backend.campaign.report_shapes import CampaignReport, Number

NOTHING: Final = "—"
PRIVACY: Final = (
    "本报告只有数字和案卷号，不含任何人的姓名、地址或描述；人数很少时仍可能对应到个案，仅限部门内部使用。",
    "Numbers and case numbers only: nobody's name, address or words. Small counts may still point to a case; for use inside the department.",
)
STEP_NAMES: Final[dict[str, tuple[str, str]]] = {
    "warning.issued": ("预警发布", "warning issued"),
    "warning.upgraded": ("预警升级", "warning upgraded"),
    "warning.downgraded": ("预警降级", "warning downgraded"),
    "warning.continued": ("预警延续", "warning goes on"),
    "warning.lifted": ("预警解除", "warning lifted"),
    "warning.over": ("预警到期", "warning over"),
    "warning.ignored": ("预警未采用", "warning not acted upon"),
    "campaign.proposed": ("提请启动行动", "campaign proposed"),
    "campaign.escalated": ("无人批复，上报", "nobody answered: told further up"),
    "campaign.opened": ("行动启动", "campaign opened"),
    "campaign.declined": ("不予启动", "declined"),
    "campaign.upgraded": ("行动升级", "campaign upgraded"),
    "campaign.downgraded": ("行动降级", "campaign downgraded"),
    "campaign.prolonged": ("行动延续", "campaign goes on"),
    "campaign.closed": ("行动结束", "campaign closed"),
    "campaign.point_opened": ("临时点开放", "temporary point opened"),
    "campaign.point_closed": ("临时点关闭", "temporary point closed"),
    "campaign.called_in": ("召集队伍", "teams called in"),
    "campaign.came": ("被召集的队伍上岗", "a called team came"),
}
OUTCOME_NAMES: Final[dict[str, str]] = {
    "informed_and_guided": "告知引导",
    "escorted_to_station": "护送进站",
    "to_hospital": "送医",
    "to_police": "移交公安",
    "to_family": "亲属接回",
    "stays_supplies_given": "不愿受助，发放物资",
    "not_found": "未发现",
    "duplicate": "重复",
    "other_department": "其他部门",
}
PRIORITY_NAMES: Final[dict[str, str]] = {"critical": "紧急", "high": "较急", "normal": "一般"}
CHANNEL_NAMES: Final[dict[str, str]] = {
    "web": "网页",
    "app": "App",
    "hotline": "热线",
    "grid": "网格员",
    "taxi": "出租车、公交",
    "patrol": "巡查",
    "partner": "外部系统",
    "revisit": "回访",
}
MODE_NAMES: Final[dict[str, str]] = {"car": "汽车", "ebike": "电动车", "foot": "步行"}
CLOSED_BECAUSE: Final[dict[str, str]] = {
    "lifted": "预警解除",
    "expired": "预警到期",
    "hand": "人工结束",
    "downgraded": "降级后无对应预案",
}


def title(made: CampaignReport) -> str:
    """What the report is called."""
    return f"{_HAZARDS.get(made.hazard, made.hazard)}专项行动报告"


def graded(hazard: str | None, colour: str | None) -> str:
    """A hazard with its colour, as far as they are said."""
    return _HAZARDS.get(hazard or "", "") + _COLOURS.get(colour or "", "")


_HAZARDS: Final[dict[str, str]] = {str(code): zh for code, (zh, _) in HAZARD_NAMES.items()}
_COLOURS: Final[dict[str, str]] = {str(code): zh for code, (zh, _) in COLOUR_NAMES.items()}


def said(value: float | None, unit: str) -> str:
    """A value with its unit; a dash where there is none."""
    if value is None:
        return NOTHING
    match unit:
        case "share":
            return f"{100 * value:.1f}%"
        case "hours":
            return f"{value:.1f} 小时"
        case "minutes":
            return f"{value:.0f} 分钟"
        case "rate":
            return f"{value:.1f}"
    return f"{value:.0f}"


def value_of(number: Number) -> str:
    """A number as it reads, with what it is counted of where that says more."""
    shown = said(number.value, number.unit)
    is_part = number.unit == "count" and number.of is not None and number.value is not None
    return f"{shown} / {number.of}" if is_part else shown


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment in the city's time, to the minute."""
    return NOTHING if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
