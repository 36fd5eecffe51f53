"""docs/permissions.md, written from the default policy and the table of the live feed: `python -m ops.permissions_page`.

The policy's `[roles]` is the one truth; this only makes it readable. A test compares the page with what this writes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backend.live.visibility import ACTIONS as EVENT_ACTIONS
from backend.live.visibility import POSITIONS, SNAPSHOT
from backend.policy import ACTION_NAMES, ROLE_NAMES, Policy, default_policy

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "permissions.md"
BEGINNING: Final = """\
# 权限 Permissions

谁可以做什么、范围多大。这张表由 `backend/policy_default.toml` 的 `[roles]` 生成（`python -m ops.permissions_page`），接口、实时通道、
回放和列表都按同一张表回答；城市可在自己的 `policy.toml` 中改动。表中没有的，谁都不能做。

Who may do what, and how far. Written from `[roles]` of `backend/policy_default.toml` by `python -m ops.permissions_page`; HTTP, the live
feed, replays and lists all answer by this one table. A city changes it in its own `policy.toml`. What stands not here nobody may do.

* **own** 本人：自己上报或自己的 — what one reported or what is one's own · **team** 本队：本队在办或收到派遣的 — what concerns one's
  team · **facility** 本机构：转往或转出本机构的 — what is referred to one's station or hospital, or by it
* **region** 辖区：本辖区及以下 — one's regions and those below · **all** 全部 — the whole city
* 看不见的对象答复“没有找到”，不透露其存在。What one may not see is answered with "not found".
* 外部系统的密钥可以再限定为其中几项（如只许 `sighting:create`）。A partner's key can be limited to some of its role's actions.
* 须动态口令而尚未绑定的账号，登录后只能绑定。An account that needs a second factor and has none can set it up and nothing else.
"""


def page(policy: Policy) -> str:
    """The whole page."""
    return "\n".join([BEGINNING, *_roles(policy), "", *_feed(), "", *_second_factor(policy), ""])


def _roles(policy: Policy) -> Iterator[str]:
    roles = list(ROLE_NAMES)
    yield "## 角色与动作 Roles and actions"
    yield ""
    yield "| 动作 action | " + " | ".join(f"{ROLE_NAMES[role][0]} `{role}`" for role in roles) + " |"
    yield "|---|" + "---|" * len(roles)
    for action, (zh, en) in ACTION_NAMES.items():
        scopes = (policy.scope_of(role, action) or "" for role in roles)
        yield f"| `{action}` {zh} {en} | " + " | ".join(scopes) + " |"
    yield ""
    yield "角色 Roles: " + " · ".join(f"`{role}` {zh} {en}" for role, (zh, en) in ROLE_NAMES.items())


def _feed() -> Iterator[str]:
    yield "## 实时通道 What the live feed tells"
    yield ""
    yield "打开须 `feed:open`；每条消息另须下列权限，范围同上（事件没有所有者，`own` 看不到事件）。"
    yield "Opening it needs `feed:open`; each message needs this besides, in the same scopes (nobody owns an event: `own` sees none)."
    yield ""
    yield "| 内容 topic | 权限 permission |"
    yield "|---|---|"
    for prefix, action in EVENT_ACTIONS.items():
        yield f"| 事件 events `{prefix}.…` | `{action}` |"
    yield f"| 位置 `positions` | `{POSITIONS}` |"
    for part, action in SNAPSHOT.items():
        yield f"| 快照 `snapshot` 的 `{part}` | `{action}` |"


def _second_factor(policy: Policy) -> Iterator[str]:
    yield "## 动态口令 Second factor"
    yield ""
    named = "、".join(f"{ROLE_NAMES[role][0]} `{role}`" for role in policy.sign_in.second_factor)
    yield f"默认要求 By default demanded of: {named}（`[sign_in] second_factor`）。"


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(default_policy()), encoding="utf-8")


if __name__ == "__main__":
    main()
