"""Documents: Chinese that can be read, found and copied; what somebody wrote is text and nothing else."""

import asyncio
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from backend.errors import Unavailable
from backend.paper import typeset

NOW = datetime(2016, 9, 19, 6, 0, 0, 123456, tzinfo=UTC)
FORM = """
#import "frame.typ": *
#let d = json("data.json")
#show: paper.with(title: d.title, author: "救助圈", keywords: ("log-seq:7",), marks: ("第七条", "line two"), qr: "qr.svg")
= #d.title
#for one in d.lines [#one.text \\ ]
#table(columns: 2, table.header[项目][Number], ..d.rows.flatten())
"""


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    (tmp_path / "trial.typ").write_text(FORM, encoding="utf-8")
    (tmp_path / "frame.typ").write_bytes((typeset.FOLDER / "frame.typ").read_bytes())
    monkeypatch.setattr(typeset, "FOLDER", tmp_path)
    return "trial"


async def made(form: str, *lines: str, rows: int = 3, at: datetime = NOW) -> bytes:
    data: dict[str, Any] = {"title": "寒潮专项行动报告", "lines": [{"text": line} for line in lines]}
    data["rows"] = [[f"第{n}项", str(n)] for n in range(rows)]
    return await typeset.typeset(form, data, made_at=at, pictures={"qr.svg": typeset.qr_code("第七条")})


def text_of(document: bytes) -> str:
    pages = pypdfium2.PdfDocument(document)
    return "\n".join(page.get_textpage().get_text_range() for page in pages)


async def test_chinese_text_comes_back_as_it_was_written(form: str) -> None:
    line = "“发现一人，记录一人”——地下通道、车站（24 小时）……"
    text = text_of(await made(form, line))
    assert line in text
    assert "寒潮专项行动报告" in text
    assert "第2项" in text.replace(" ", ""), "a thin space is set between Chinese and digits"


async def test_what_somebody_wrote_is_never_an_instruction(form: str) -> None:
    lines = ["#panic()", "= 标题", "*粗* $x^2$ @label <label>", '#read("/etc/passwd")', "\\u{41} // 注", "[#image(1)]"]
    text = text_of(await made(form, *lines))
    for line in lines:
        assert line in text
    assert "root:" not in text


async def test_a_long_line_wraps_inside_the_page_and_a_long_table_repeats_its_head(form: str) -> None:
    document = pypdfium2.PdfDocument(await made(form, "寒潮预警期间逐格巡查" * 60, rows=120))
    assert len(document) > 2
    page = document[0].get_textpage()
    boxes = [page.get_rect(n) for n in range(page.count_rects())]
    assert max(box[2] for box in boxes) <= document[0].get_width() - 40
    assert all("项目" in one.get_textpage().get_text_range() for one in document)


async def test_the_font_is_embedded_and_only_in_part(form: str) -> None:
    document = await made(form, "御寒物资")
    assert b"/FontFile" in document or b"ObjStm" in document
    assert len(document) < 60_000


async def test_the_document_says_what_it_is_and_the_same_is_the_same_bytes(form: str) -> None:
    one, again = await made(form, "甲"), await made(form, "甲")
    assert one == again
    assert await made(form, "乙") != one
    told = pypdfium2.PdfDocument(one).get_metadata_dict()
    assert (told["Title"], told["Author"], told["Keywords"]) == ("寒潮专项行动报告", "救助圈", "log-seq:7")
    assert told["CreationDate"].startswith("D:20160919060000")
    assert re.search(rb"log-seq:7", one), "found without a library, too"


async def test_the_event_loop_goes_on_while_a_document_is_made(form: str) -> None:
    await made(form, "先")
    waited = 0.0

    async def beat() -> None:
        nonlocal waited
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            waited = max(waited, time.perf_counter() - begun)

    beating = asyncio.create_task(beat())
    begun = time.perf_counter()
    await made(form, *["一行很长的中文，用来占时间。" * 10] * 300, rows=4000)
    took = time.perf_counter() - begun
    beating.cancel()
    assert waited < took / 2


def test_without_a_font_it_says_which_to_install() -> None:
    with pytest.raises(Unavailable, match="fonts-noto-cjk") as refused:
        typeset.chosen(["DejaVu Sans", "Noto Sans CJK JP"])
    assert refused.value.code == "no_font"
    assert typeset.chosen(["WenQuanYi Zen Hei"]) == "WenQuanYi Zen Hei"
