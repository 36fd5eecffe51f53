"""The closed lists a policy file chooses from: what can be done, how far it reaches, who there is, what endangers."""

from typing import Final, Literal

Scope = Literal["own", "team", "facility", "region", "all"]
SCOPES: Final[tuple[Scope, ...]] = ("own", "team", "facility", "region", "all")  # narrow to wide

Role = Literal[
    "public",
    "driver",
    "grid_worker",
    "operator",
    "partner",
    "officer",
    "dispatcher",
    "checker",
    "shift_leader",
    "supervisor",
    "station_staff",
    "civil_affairs",
    "admin",
    "system",
]

Danger = Literal[
    "acute_illness",
    "injury",
    "unconscious",
    "mental_crisis",
    "exposure",
    "infant",
    "minor",
    "abuse",
    "trafficking",
    "domestic_violence",
    "death",
]

Priority = Literal["critical", "high", "normal"]

Outcome = Literal[
    "informed_and_guided",
    "escorted_to_station",
    "to_hospital",
    "to_police",
    "to_family",
    "stays_supplies_given",
    "not_found",
    "duplicate",
    "other_department",
]

Season = Literal["spring", "summer", "autumn", "winter"]

Hazard = Literal[
    "cold_wave",
    "low_temperature",
    "snow",
    "icy_roads",
    "gale",
    "heat",
    "rainstorm",
    "typhoon",
    "sandstorm",
    "flood",
    "other",
]
Colour = Literal["blue", "yellow", "orange", "red"]
COLOURS: Final[tuple[Colour, ...]] = ("blue", "yellow", "orange", "red")  # from the mildest up

NOT_FOR_PEOPLE: Final = frozenset({"public", "partner", "system"})
"""Roles that no account has."""

ROLE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "public": ("群众", "the public"),
    "driver": ("出租车、公交司机", "taxi or bus driver"),
    "grid_worker": ("网格员", "grid worker"),
    "operator": ("热线坐席", "hotline operator"),
    "partner": ("外部系统", "partner system"),
    "officer": ("巡查队员", "patrol officer"),
    "dispatcher": ("派遣员", "dispatcher"),
    "checker": ("核查员", "checker"),
    "shift_leader": ("值班长", "shift leader"),
    "supervisor": ("监督员", "supervisor"),
    "station_staff": ("救助机构人员", "staff of a station, hospital or shelter"),
    "civil_affairs": ("民政人员", "civil affairs"),
    "admin": ("管理员", "administrator"),
    "system": ("系统", "the system itself"),
}

ACTION_NAMES: Final[dict[str, tuple[str, str]]] = {
    "sighting:create": ("上报线索", "report a sighting"),
    "sighting:read": ("查看线索、描述和照片", "read sightings, descriptions, photos"),
    "contact:read": ("查看报告人联系方式、按号码查询", "read a reporter's contact, search by number"),
    "look:read": ("查看谁看过个人信息", "see who looked at personal data"),
    "case:read": ("查看案卷", "read cases"),
    "case:accept": ("受理", "accept"),
    "case:refuse": ("不予受理", "refuse"),
    "case:join": ("合并案卷", "join cases"),
    "case:split": ("拆分案卷", "split cases"),
    "case:assign": ("指定队伍", "assign a team"),
    "case:withdraw": ("收回派遣", "take back"),
    "case:handle": ("处置", "handle"),
    "case:verify": ("核查", "verify"),
    "case:ask": ("申请挂账、延时、回退、作废", "ask to suspend, extend, return, void"),
    "case:approve": ("审批", "approve"),
    "offer:read": ("查看派遣", "read offers"),
    "offer:answer": ("接受、谢绝派遣", "answer offers"),
    "offer:make": ("扩大搜寻", "widen the search"),
    "team:read": ("查看队伍与位置", "see teams and where they are"),
    "team:write": ("管理队伍", "manage teams"),
    "team:duty": ("上岗、下岗", "go on and off duty"),
    "position:write": ("发送位置", "send positions"),
    "distress:raise": ("呼叫求助", "call for help"),
    "distress:answer": ("答复求助", "answer a crew's call for help"),
    "circle:read": ("查看救助圈与天气", "see the circle and the weather"),
    "decision:read": ("查看派遣理由", "read why the machine chose"),
    "event:read": ("查看事件日志", "read the log"),
    "feed:open": ("打开实时通道", "open the live feed"),
    "account:write": ("管理账号", "manage accounts"),
    "account:read": ("查看账号与会话", "see accounts and sessions"),
    "policy:read": ("查看规则", "read the policy"),
    "policy:write": ("修改规则", "change the policy"),
    "weather:write": ("录入天气", "set the weather"),
    "weather:observe": ("上报观测值", "report measurements of the weather"),
    "facility:read": ("查看机构", "see facilities"),
    "facility:write": ("管理机构", "manage facilities"),
    "referral:create": ("发起转介", "refer"),
    "referral:answer": ("答复转介", "answer referrals"),
    "referral:read": ("查看转介", "read referrals"),
    "campaign:open": ("启动专项行动", "open campaigns"),
    "campaign:read": ("查看专项行动", "read campaigns"),
    "stock:read": ("查看物资", "see supplies in stock"),
    "stock:write": ("收发、盘点物资", "move and count supplies"),
    "visit:read": ("查看待回访", "see who is to be visited again"),
    "visit:do": ("回访", "visit again"),
    "sweep:do": ("巡查", "sweep"),
    "stats:read": ("查看统计", "read statistics"),
    "key:write": ("管理接口密钥", "manage partner keys"),
    "incident:create": ("即时上报、填写、续报", "report at once, fill in, follow up"),
    "incident:read": ("查看即时上报事项", "read what was reported at once"),
    "incident:acknowledge": ("签收上报", "acknowledge reports"),
    "incident:conclude": ("作出结论、撤销上报", "conclude or withdraw a report"),
    "person:read": ("查看受助人员记录", "read records of persons"),
    "person:write": ("登记受助人员、判断是否同一人", "register people, decide whether two records are one person"),
    "stay:read": ("查看在站人员与时限", "see who is at a station, and the deadlines"),
    "stay:write": ("办理入站、寻亲、离站", "take people in, look for who they are, let them leave"),
    "returnee:read": ("查看返乡人员与回访", "see those who went home, and their visits"),
    "returnee:write": ("登记返乡人员、变更、导出名单", "register those who went home, move, end, export lists"),
    "document:read": ("查看、打印文书", "read and print documents"),
    "document:issue": ("出具文书", "issue documents"),
    "identity:read": ("查看受助人员身份、按姓名查询", "see who somebody is, search by name"),
}
"""Everything that a role can be given, in Chinese and English: the table of docs/permissions.md."""

ACTIONS: Final = frozenset(ACTION_NAMES)
