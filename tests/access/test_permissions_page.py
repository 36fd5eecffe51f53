"""docs/permissions.md says what the policy says."""

from backend.policy import ACTION_NAMES, ROLE_NAMES, default_policy
from ops.permissions_page import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(default_policy()), "run: python -m ops.permissions_page"


def test_every_role_and_action_stands_on_it_in_both_languages() -> None:
    text = page(default_policy())
    for name, (zh, en) in {**ROLE_NAMES, **ACTION_NAMES}.items():
        assert name in text
        assert zh in text
        assert en in text
