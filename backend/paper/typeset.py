"""A form and what stands in it → a PDF. Begin at `typeset`.

A form is a Typst file of this folder. What stands in it comes as data, never as markup, so nothing that somebody wrote is ever read
as an instruction; `frame.typ` is what all forms share (page, headings, tables, the marks at the foot). The same form, data and
moment give the same bytes, so a document can be checked by making it again. One is made at a time, in a thread of its own: the
compiler runs outside Python's lock, and the event loop goes on meanwhile (docs/decisions/1306).
"""

import asyncio
import base64
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import segno
import typst
from PIL import Image

from backend.errors import Unavailable

FOLDER: Final = Path(__file__).parent
FAMILIES: Final = ("Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei")
"""Fonts with simplified Chinese, the first that the machine has is taken. Debian: fonts-noto-cjk."""
SONG: Final = ("Noto Serif CJK SC", "Source Han Serif SC", "Noto Serif SC", "AR PL UMing CN")
"""宋体, in which offices set their forms; without one they are set in the other font."""
PRINTED_PX: Final = 900
"""The long side of a photo on paper."""
WAIT_S: Final = 60.0
"""So long somebody waits for a document, those before it in the queue included."""
_PRESS: Final = ThreadPoolExecutor(1, "paper")


async def typeset(
    form: str, data: Mapping[str, Any], *, made_at: datetime, pictures: Mapping[str, bytes] = {}
) -> bytes:
    """The form filled in, as PDF/A-2b with its fonts embedded in part, so that its text can be found and copied.

    form: the name of a file of this folder without `.typ`. data: what the form reads; plain values only. pictures: SVG by the name
    that the form calls them; a photo is made one by `photo`. made_at: the moment that the document says it was made. Raises Unavailable `no_font`, and
    `busy` when so many wait that it would take too long.
    """
    content = msgspec.json.encode(msgspec.to_builtins(data))
    press = asyncio.get_running_loop().run_in_executor(_PRESS, _press, form, content, made_at, dict(pictures))
    try:
        return await asyncio.wait_for(press, WAIT_S)
    except TimeoutError:
        zh, en = "正在生成的文档太多，请稍后再试。", "Too many documents are being made: try again in a while."
        raise Unavailable(zh, en, code="busy") from None


def _press(form: str, content: bytes, made_at: datetime, pictures: dict[str, bytes]) -> bytes:
    fonts, family, song = _fonts()
    files: Any = {
        "main.typ": _text(form),
        "frame.typ": _text("frame"),
        "data.json": content,
        **pictures,
    }
    made = typst.compile(
        files,
        font_paths=fonts,
        sys_inputs={"font": family, "song": song},
        pdf_standards=["a-2b"],
        timestamp=made_at.astimezone(UTC).replace(microsecond=0),  # a PDF knows seconds
    )
    assert isinstance(made, bytes)
    return made


@cache
def _text(form: str) -> bytes:
    return (FOLDER / f"{form}.typ").read_bytes()


@cache
def _fonts() -> tuple[typst.Fonts, str, str]:
    """The machine's fonts, looked for once, the family that is taken, and the one for forms."""
    fonts = typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)
    there = fonts.families()
    family = chosen(there)
    return fonts, family, next((one for one in SONG if one in there), family)


def chosen(families: list[str]) -> str:
    """The font that documents are set in. Raises Unavailable `no_font` with what to install."""
    for family in FAMILIES:
        if family in families:
            return family
    raise Unavailable(
        "服务器上没有中文字体，不能生成文档；请安装 fonts-noto-cjk。",
        "There is no font with Chinese on the server, so no document can be made: install fonts-noto-cjk.",
        code="no_font",
    )


def qr_code(text: str) -> bytes:
    """A text as a QR code (SVG), to be laid into a form as a picture."""
    return segno.make(text, error="m").svg_inline(omitsize=True, border=0).encode()


def photo(content: bytes) -> bytes:
    """A JPEG or PNG as a picture (SVG) for a form, as sharp as paper needs: the compiler takes files from memory as text only."""
    with Image.open(BytesIO(content)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((PRINTED_PX, PRINTED_PX))
    (wide, high), out = small.size, BytesIO()
    small.save(out, "JPEG", quality=85)
    inside = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
    box = f'xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    return f'<svg {box}><image width="{wide}" height="{high}" href="{inside}"/></svg>'.encode()


def font() -> str:
    """The family that documents are set in; looks for it the first time. Raises Unavailable `no_font`."""
    return _fonts()[1]
