"""The desk is asked whether it is one story told of two places; the public never is."""

from typing import Any

from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, XIGANG, ZHONGSHAN, Api, Person, a_report

STORY = "一位穿蓝衣服的老人躺在台阶上叫不醒"


def a_call(place: tuple[float, float], words: str, **other: Any) -> dict[str, Any]:
    """A call as the desk sends it."""
    return a_report(place, channel="hotline", description=words, **other)


async def alike(who: Person, report: dict[str, Any]) -> list[dict[str, Any]]:
    """What the desk is shown."""
    found: list[dict[str, Any]] = (await who.post("/api/reports/similar", {"report": report})).json()
    return found


async def test_one_story_told_of_another_street_is_suggested_as_such(api: Api) -> None:
    operator = await api.person("operator")
    first = await operator.did(
        "/api/reports", a_call(IN_XIGANG, STORY, address="长春路（近东北路）", dangers=["unconscious"])
    )
    far_words = a_call(IN_ZHONGSHAN, "穿蓝衣服的老人躺台阶上，叫不醒了", dangers=["unconscious"])
    found = await alike(operator, far_words)
    assert [(one["case_id"], one["elsewhere"], one["address"]) for one in found] == [
        (first["case_id"], True, "长春路（近东北路）")
    ]
    assert found[0]["reasons_zh"] == ["地点不同", "说法相似", "危险相同"]
    assert await alike(operator, a_call(IN_ZHONGSHAN, "女孩抱着行李箱在哭")) == []
    here = await alike(operator, a_call(IN_XIGANG, STORY))
    assert [(one["case_id"], one["elsewhere"]) for one in here] == [(first["case_id"], False)]


async def test_a_story_of_long_ago_or_of_a_district_not_one_s_own_is_not_told(api: Api) -> None:
    operator = await api.person("operator")
    await operator.did("/api/reports", a_call(IN_XIGANG, STORY, dangers=["unconscious"]))
    asked = a_call(IN_ZHONGSHAN, STORY, dangers=["unconscious"])
    there = await api.person("operator", regions=(ZHONGSHAN,))
    both = await api.person("operator", regions=(ZHONGSHAN, XIGANG))
    assert await alike(there, asked) == []
    assert await alike(api.public, {**asked, "channel": "web"}) == []
    assert [one["elsewhere"] for one in await alike(both, asked)] == [True]
    api.clock.advance(hours=1, minutes=1)
    assert await alike(both, asked) == []
