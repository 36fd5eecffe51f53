"""`rescue warning read`: what a warning in a file says, and what of it concerns this city; nothing is kept or opened."""

import os
from pathlib import Path

from cyclopts import App

from backend.campaign import hazard, signed, warned
from backend.campaign.cap import Alert
from backend.campaign.cap_read import read as read_cap
from backend.campaign.hazard import COLOUR_NAMES, HAZARD_NAMES
from backend.city import City, open_city
from backend.clock import SystemClock
from backend.errors import Invalid
from backend.settings import city_folder
from backend.signers import Signers, open_signers

app = App(name="warning", help="预警：读取 CAP 文件，说明其内容及与本市的关系。Read warnings (CAP) from files.")


@app.command
def read(*files: Path) -> None:
    """读取预警文件，说明灾种、等级、范围，以及读取时的疑点。Say what each file warns of, where, and what was odd about it.

    Parameters
    ----------
    files: CAP 1.0–1.2 的 XML 文件。Files of XML, CAP 1.0 to 1.2.
    """
    city = open_city(city_folder(os.environ.get("RESCUE_CITY", "dalian")))
    certificates = os.environ.get("RESCUE_WARNING_CERTIFICATES", "")
    signers = open_signers(Path(certificates)) if certificates else Signers()
    for file in files:
        content = file.read_bytes()
        alert = read_cap(content, city.zone)
        lines = [*in_words(alert, city), _signature(content, alert, str(file), signers)]
        print("\n".join([str(file), *(f"  {line}" for line in lines)]))


def _signature(content: bytes, alert: Alert, source: str, signers: Signers) -> str:
    try:
        state = signed.check(content, alert.sender, source, signers, SystemClock().now()).state
    except Invalid as refused:
        return f"{refused.zh} {refused.en}"
    return " · ".join(signed.SIGNATURE_WORDS[state])


def in_words(alert: Alert, city: City) -> list[str]:
    """The warning in lines, Chinese and English."""
    said, ground = hazard.of(alert), warned.where(alert, city)
    colour = COLOUR_NAMES[said.colour] if said.colour else ("等级不明", "no grade")
    lifted = ("，解除", ", lifted") if said.lifted else ("", "")
    zh, en = HAZARD_NAMES[said.hazard]
    lines = [
        f"{zh} {colour[0]}{lifted[0]} · {en}, {colour[1]}{lifted[1]}",
        f"{alert.sender} {alert.identifier} · {alert.sent:%Y-%m-%d %H:%M %z} · {alert.msg_type}, {alert.status}",
        *(info.headline for info in alert.infos if info.headline),
        _ground(ground, city),
    ]
    if not alert.is_real:
        lines.append("演习、测试或回执，不启动任何行动。 An exercise, test or receipt: opens nothing.")
    if ground.unmatched:
        codes = "、".join(f"{name} {code}" for name, code in ground.unmatched)
        lines.append(f"没有这些代码的对照表 No table for these codes: {codes}")
    return lines + [f"{odd.zh} {odd.en}" for odd in alert.oddities]


def _ground(ground: warned.Ground, city: City) -> str:
    if ground.is_unplaced:
        return "范围只用未配置对照表的代码写明。 Says where only in codes that there is no table for."
    if not ground.concerns_us:
        return f"与{city.name_zh}无关。 Does not concern {city.name_en}."
    if ground.drawn is not None:
        return "涉及本市的一部分（按图形）。 A part of the city, as drawn."
    names = [region.name if (region := city.regions.find(code)) else city.name_zh for code in ground.regions]
    return f"涉及 Concerns: {'、'.join(names)}"
