"""`rescue settings`: all environment variables with their meaning, for the screen or as the page in the documentation."""

from backend.settings import SETTINGS, Setting

HEADING = "| 变量 Variable | 含义 Meaning | 应为 Right would be | 默认 Default |\n|---|---|---|---|"


def settings(*, markdown: bool = False) -> None:
    """列出全部设置（环境变量）。List all settings (environment variables).

    Parameters
    ----------
    markdown
        输出文档用的表格。As a table for the documentation.
    """
    print(table() if markdown else "\n\n".join(_paragraph(setting) for setting in SETTINGS))


def table() -> str:
    """All settings as a Markdown table."""
    return "\n".join([HEADING, *(_row(setting) for setting in SETTINGS)])


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else "—"
    return f"| `{setting.name}` | {setting.zh}<br>{setting.en} | {setting.right_zh}<br>{setting.right_en} | {default} |"


def _paragraph(setting: Setting) -> str:
    lines = [setting.name, f"  {setting.zh}", f"  {setting.en}", f"  应为：{setting.right_zh}"]
    lines += [f"  Right: {setting.right_en}", f"  默认 Default: {setting.default or '—'}"]
    return "\n".join(lines)
