"""Words in a report that suggest a danger. A short list on purpose: it raises attention, it does not diagnose.

Kept from everyday speech on emergency lines; English words for the bilingual form. A word just after a negation
("没有受伤", "未见流血") suggests nothing. A word is dropped only when it raised nothing but false alarms for a month.
"""

import re
from typing import Final

from backend.policy import Danger

DANGER_WORDS: Final[dict[Danger, tuple[str, ...]]] = {
    "unconscious": (
        "昏迷",
        "叫不醒",
        "喊不醒",
        "不省人事",
        "没反应",
        "没有反应",
        "失去意识",
        "晕倒",
        "昏倒",
        "一动不动",
        "unconscious",
    ),
    "acute_illness": (
        *("抽搐", "口吐白沫", "呼吸困难", "喘不上气", "胸痛", "胸口疼", "心脏病", "中风", "高烧", "发高烧", "吐血"),
        *("中暑", "呕吐不止", "癫痫", "羊癫疯", "突发疾病", "发病", "seizure"),
    ),
    "injury": (
        "流血",
        "出血",
        "受伤",
        "骨折",
        "伤口",
        "车撞",
        "被撞",
        "摔伤",
        "烧伤",
        "烫伤",
        "冻伤",
        "bleeding",
        "injured",
    ),
    "mental_crisis": (
        *("自杀", "轻生", "跳楼", "跳桥", "跳海", "割腕", "自残", "持刀", "拿刀", "砍人", "打人", "胡言乱语", "狂躁"),
        *("精神失常", "精神病发作", "suicide"),
    ),
    "exposure": (
        "冻僵",
        "快冻死",
        "冻死",
        "冻得发抖",
        "浑身发抖",
        "没穿衣服",
        "光着身子",
        "衣着单薄",
        "躺在雪地",
        "freezing",
    ),
    "infant": ("婴儿", "弃婴", "新生儿", "襁褓", "几个月大", "吃奶的孩子", "baby", "infant"),
    "minor": ("小孩", "孩子", "儿童", "小女孩", "小男孩", "未成年", "学生模样", "走失儿童", "child"),
    "abuse": ("被打", "挨打", "殴打", "虐待", "遗弃", "被扔", "被锁", "被关", "淤青", "abused"),
    "trafficking": (
        "拐卖",
        "被拐",
        "人贩子",
        "强迫乞讨",
        "被逼乞讨",
        "被逼要钱",
        "带着孩子乞讨",
        "被控制",
        "trafficked",
    ),
    "domestic_violence": ("家暴", "家庭暴力", "老公打", "丈夫打", "男人打老婆", "被丈夫", "domestic violence"),
    "death": ("没有呼吸", "没呼吸", "没气了", "没有心跳", "死了", "已死亡", "尸体", "去世", "dead body"),
}

_NEGATION: Final = re.compile(
    r"(?:没有|没|未见|未|无|不是|并无|并没有|不像|no |not )(?:明显|看到|看见|发现|什么|任何)?$"
)
_PATTERNS: Final[dict[Danger, re.Pattern[str]]] = {
    danger: re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
    for danger, words in DANGER_WORDS.items()
}


def suggested_dangers(text: str) -> tuple[Danger, ...]:
    """The dangers that a free text mentions without denying them, in the order of the list above."""
    lowered = text.lower()
    return tuple(danger for danger, pattern in _PATTERNS.items() if _mentioned(lowered, pattern))


def _mentioned(text: str, pattern: re.Pattern[str]) -> bool:
    return any(not _NEGATION.search(text[: found.start()]) for found in pattern.finditer(text))
