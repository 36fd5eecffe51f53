"""The numbers of a campaign's report: what each is called, and exactly what it counts. Pure; `backend.campaign.report` computes them."""

from typing import Final, Literal, NamedTuple

Unit = Literal["count", "share", "hours", "minutes", "rate"]
Group = Literal["ground", "people", "others", "supplies", "teams", "points", "warning"]

GROUP_NAMES: Final[dict[Group, tuple[str, str]]] = {
    "ground": ("巡查覆盖", "Ground covered"),
    "people": ("本次行动救助", "People met by the campaign"),
    "others": ("同期同地其他案卷", "Other cases on its ground meanwhile"),
    "supplies": ("物资", "Supplies"),
    "teams": ("人员与工时", "Teams and hours"),
    "points": ("临时御寒（防暑）点", "Temporary points"),
    "warning": ("预警与响应", "Warning and answer"),
}


class Definition(NamedTuple):
    """A number. comparable: whether it says something beside that of another campaign, which may have been longer or larger."""

    group: Group
    zh: str
    en: str
    means_zh: str
    means_en: str
    unit: Unit = "count"
    comparable: bool = False


_MET = ("处置记录中见到的人数之和", "people met, as written down in handlings")

DEFINITIONS: Final[dict[str, Definition]] = {
    "in_time": Definition(
        "ground", "按时覆盖率", "covered in time",
        "网格时间中未超期部分所占份额：每格自纳入（或上次到访结束）起，超过预案间隔仍未到访的时间为超期；撤下后不计",
        "share of the cells' time that is not overdue: of each cell the time beyond the plan's interval since it was laid out, or since "
        "the last look ended, is overdue; nothing counts once it was dropped", "share", comparable=True,
    ),
    "cells": Definition("ground", "巡查网格", "cells", "结束时未撤下的网格", "cells not dropped at the end"),
    "cells_never": Definition(
        "ground", "从未到访", "never looked at", "其中没有一次有效到访的网格", "of these, cells without a look that counts", comparable=True,
    ),
    "cells_dropped": Definition("ground", "撤下网格", "dropped", "结束时已撤下（不在范围或无法到达）", "dropped at the end: outside, or not to be reached"),
    "longest_gap_h": Definition(
        "ground", "最长空窗", "longest gap", "任一网格相邻两次有效到访之间（含首尾）的最长时间",
        "the longest time of any cell between looks that count, its beginning and end included", "hours", comparable=True,
    ),
    "looks_track": Definition("ground", "轨迹到访", "looks by track", "由队伍轨迹认定的有效到访", "looks that count, by the team's own track"),
    "looks_hand": Definition("ground", "人工登记到访", "looks by hand", "队员登记并写明原因的到访", "looks that a crew entered, with a reason"),
    "looks_passing": Definition("ground", "途经", "driven through", "只是驶过，不算有效到访", "driving through only: not a look that counts"),
    "looks_refuted": Definition("ground", "撤销的到访", "refuted", "晚到的轨迹表明当时不在", "late positions showed that the team was not there"),
    "passes": Definition("ground", "报告无法到达", "said out of reach", "队伍报告无法到达的次数", "times that a team said a cell cannot be reached"),
    "cases": Definition("people", "发现案卷", "cases found", "巡查中发现而立的案卷", "cases opened because the campaign's sweep found somebody"),
    "met": Definition("people", "见到人次", "people met", *_MET),
    "met_per_100": Definition(
        "people", "每百次到访见到", "met per 100 looks", "见到人次 ÷ 有效到访 × 100", "people met / looks that count × 100", "rate", comparable=True,
    ),
    "helped": Definition(
        "people", "救助人次", "people helped", "见到人次，不含未发现、重复、其他部门", "people met, without: nobody found, duplicate, other department's",
    ),
    "escorted": Definition("people", "护送进站", "escorted", "处置结果为护送进站的人数", "people of handlings that ended so"),
    "refused": Definition("people", "不愿受助", "refused", "不愿受助、发放物资的人数", "people who stayed; supplies given"),
    "to_hospital": Definition("people", "送医", "to hospital", "处置结果为送医的人数", "people of handlings that ended so"),
    "not_found": Definition("people", "未发现", "nobody found", "处置结果为未发现的次数", "visits at which nobody was found"),
    "deaths": Definition(
        "people", "死亡报告", "deaths reported", "本次行动及同期同地案卷中报告死亡的处置",
        "handlings that report a death, of the campaign's and of the other cases",
        comparable=True,
    ),
    "other_cases": Definition(
        "others", "其他案卷", "other cases", "行动期间在其辖区内立案、非巡查发现", "opened in its regions while it ran, not found by its sweep",
    ),
    "other_met": Definition("others", "见到人次", "people met", *_MET),
    "other_helped": Definition("others", "救助人次", "people helped", "同上，不含未发现、重复、其他部门", "as above"),
    "other_escorted": Definition("others", "护送进站", "escorted", "处置结果为护送进站的人数", "people of handlings that ended so"),
    "other_refused": Definition("others", "不愿受助", "refused", "不愿受助、发放物资的人数", "people who stayed; supplies given"),
    "other_to_hospital": Definition("others", "送医", "to hospital", "处置结果为送医的人数", "people of handlings that ended so"),
    "other_not_found": Definition("others", "未发现", "nobody found", "处置结果为未发现的次数", "visits at which nobody was found"),
    "given": Definition("supplies", "发放物资", "supplies given", "本次行动案卷中发放的件数", "pieces given in the campaign's cases"),
    "short": Definition(
        "supplies", "账外发放", "beyond the book", "其中队伍账面没有、仍已发放的件数", "of these, what the team's book did not have", comparable=True,
    ),
    "issued": Definition("supplies", "调拨到队", "issued", "为本次行动发到队伍的件数", "pieces issued to teams in its name"),
    "other_given": Definition("supplies", "其他案卷发放", "given elsewhere", "同期同地其他案卷中发放的件数", "pieces given in the other cases on its ground"),
    "teams": Definition("teams", "出动队伍", "teams out", "有巡查路线或到访的队伍", "teams with a tour or a look"),
    "team_hours": Definition(
        "teams", "队伍工时", "team hours", "出动或应召队伍在行动期间的在岗时间",
        "time on duty, while it ran, of teams that were out or came when called", "hours",
    ),
    "person_hours": Definition("teams", "人员工时", "person-hours", "队伍工时 × 当时人数", "team hours × people in the team then", "hours"),
    "called": Definition("teams", "召集队伍", "called in", "行动召集的下岗队伍", "teams off duty that it called in"),
    "came": Definition("teams", "到岗队伍", "came", "其中上岗的队伍", "of these, teams that went on duty", comparable=True),
    "points_wanted": Definition("points", "要求开放", "wanted", "预案要求开放的临时点", "temporary points that the plan wants open"),
    "points_opened": Definition("points", "已开放", "opened", "其中确实开放的", "of these, points that were opened", comparable=True),
    "point_hours": Definition("points", "开放时长", "hours open", "各点开放时间之和（到行动结束）", "hours open of all points, until it ended", "hours"),
    "lasted_h": Definition("warning", "持续时间", "lasted", "行动启动到结束", "from its opening to its end", "hours"),
    "to_open_min": Definition(
        "warning", "预警到启动", "warning to opening", "首条预警收到到行动启动",
        "from the first warning's coming to the campaign's opening", "minutes", comparable=True,
    ),
    "to_first_team_min": Definition(
        "warning", "预警到首队到位", "warning to first team", "首条预警（或人工启动）到首次有队伍进入网格",
        "from the first warning, or the opening by hand, to the first team in a cell", "minutes", comparable=True,
    ),
    "to_full_h": Definition(
        "warning", "预警到全覆盖", "warning to full coverage", "到每个未撤下的网格都有过一次有效到访",
        "until each cell not dropped had a look that counts", "hours",
        comparable=True,
    ),
}  # fmt: skip
