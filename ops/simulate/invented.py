"""What the source does not say of a report and a demonstration needs: looks, numbers, a landmark, a few Chinese words.

All of it is made up, from the name of the spot alone, so that every report of one spot describes the same people most of
the time, as different passers-by would: some notice less, one in seven sees them in another posture. No names.
"""

from random import Random
from typing import Final

from msgspec import Struct

from ops.simulate.chance import Chance, pick

SEX: Final = {"male": 70.0, "female": 26.0, "unknown": 4.0}
AGE: Final = {"adult": 66.0, "old": 25.0, "teen": 3.0, "child": 1.0, "unknown": 5.0}
POSTURE: Final = {"lying": 38.0, "sitting": 42.0, "standing": 12.0, "walking": 8.0}
COUNT: Final = {1: 80.0, 2: 12.0, 3: 5.0, 4: 3.0}
COLOURS: Final = {"black": 26.0, "grey": 18.0, "blue": 18.0, "green": 12.0, "red": 10.0, "brown": 10.0, "white": 6.0}
BELONGINGS: Final = {
    "bedding": 30.0,
    "bags": 28.0,
    "cart": 14.0,
    "cardboard": 14.0,
    "dog": 6.0,
    "crutches": 5.0,
    "wheelchair": 3.0,
}
DANGER: Final = {"": 97.0, "acute_illness": 1.2, "injury": 0.8, "mental_crisis": 0.6, "unconscious": 0.4}
LANDMARKS: Final = (
    "公交站候车亭旁", "地下通道口", "立交桥下", "公园长椅上", "银行自助厅外", "超市门口", "农贸市场后门", "地铁口台阶旁",
    "停车场角落", "街心花园里", "小区围墙边", "报刊亭旁", "过街天桥下", "便利店门口", "海边步道旁", "绿化带里",
)  # fmt: skip
UNNOTICED: Final = 0.2
OTHERWISE: Final = 0.14

_NO_KERB = ("隧道", "大桥", "通道", "高速公路")
"""Roads that nobody sits beside: the address only says near them."""
_ZH_AGE = {"adult": "成年", "old": "老年", "teen": "十几岁的", "child": "年幼的", "unknown": ""}
_ZH_SEX = {"male": "男子", "female": "女子", "unknown": "人员"}
_ZH_POSTURE = {"lying": "躺着", "sitting": "坐着", "standing": "站着", "walking": "来回走动"}
_ZH_THING = {
    "bedding": "带着被褥", "bags": "带着几个大袋子", "cart": "推着小车", "cardboard": "铺着纸板", "dog": "带着一只狗",
    "crutches": "拄拐", "wheelchair": "坐轮椅",
}  # fmt: skip
_ZH_COLOUR = {
    "black": "黑色", "grey": "灰色", "blue": "蓝色", "green": "绿色", "red": "红色", "brown": "棕色", "white": "白色",
}  # fmt: skip
_ZH_DANGER = {
    "acute_illness": "看上去在发烧、咳嗽得厉害",
    "injury": "腿上有伤",
    "mental_crisis": "情绪激动、大声喊叫",
    "unconscious": "叫不醒",
}


class Seen(Struct, frozen=True):
    """What one report says. colours, belongings, dangers: the words of the report form."""

    people_count: int
    sex: str
    age_band: str
    posture: str
    colours: tuple[str, ...]
    belongings: tuple[str, ...]
    dangers: tuple[str, ...]
    landmark: str


def at_spot(spot: str, invented: Chance) -> Seen:
    """Who is at a spot, in truth."""
    chance = invented.of("spot", spot)
    age = pick(chance, AGE)
    things = _some(chance, BELONGINGS, (0.25, 0.5, 0.25))
    return Seen(
        people_count=pick(chance, COUNT),
        sex=pick(chance, SEX),
        age_band=age,
        posture=pick(chance, POSTURE),
        colours=_some(chance, COLOURS, (0.0, 0.65, 0.35)),
        belongings=things,
        dangers=tuple(danger for danger in [pick(chance, DANGER)] if danger),
        landmark=chance.choice(LANDMARKS),
    )


def as_reported(truth: Seen, spot: str, nth: int, invented: Chance) -> Seen:
    """What the nth report of the spot says of them."""
    chance = invented.of("report", spot, nth)
    if nth == 0:
        return truth
    return Seen(
        people_count=truth.people_count if chance.random() > OTHERWISE else max(1, truth.people_count - 1),
        sex=_noticed(chance, truth.sex),
        age_band=_noticed(chance, truth.age_band),
        posture=truth.posture if chance.random() > OTHERWISE else pick(chance, POSTURE),
        colours=tuple(colour for colour in truth.colours if chance.random() > UNNOTICED),
        belongings=tuple(thing for thing in truth.belongings if chance.random() > UNNOTICED),
        dangers=truth.dangers if chance.random() > UNNOTICED else (),
        landmark=truth.landmark,
    )


def described(seen: Seen, street: str | None, nth: int) -> tuple[str, str]:
    """(address, description) in Chinese, as somebody would type it."""
    address = f"{street}附近" if street and street.endswith(_NO_KERB) else f"{street or ''}{seen.landmark}"
    people = f"{seen.people_count}名" if seen.people_count > 1 else "一名"
    who = f"{people}{_ZH_AGE[seen.age_band]}{_ZH_SEX[seen.sex]}"
    clothes = f"，穿{'、'.join(_ZH_COLOUR[c] for c in seen.colours)}衣服" if seen.colours else ""
    things = "".join(f"，{_ZH_THING[thing]}" for thing in seen.belongings)
    worry = "".join(f"，{_ZH_DANGER[danger]}" for danger in seen.dangers)
    does = _ZH_POSTURE[seen.posture]
    opening = (
        f"{seen.landmark}有{who}{does}",
        f"看到{who}在{seen.landmark}{does}",
        f"{who}在{seen.landmark}{does}，请去看看",
    )
    return address, opening[nth % len(opening)] + clothes + things + worry + "。"


def _noticed(chance: Random, what: str) -> str:
    return what if chance.random() > UNNOTICED else "unknown"


def _some(chance: Random, among: dict[str, float], how_many: tuple[float, ...]) -> tuple[str, ...]:
    """None, one or two of them, by the shares of `how_many`."""
    wanted = chance.choices(range(len(how_many)), how_many)[0]
    found = dict.fromkeys(pick(chance, among) for _ in range(4 * wanted))
    return tuple(list(found)[:wanted])
