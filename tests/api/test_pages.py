"""The web apps as the server hands them out: to everybody, with a strict content policy, and nothing else of the disk."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ops import pages
from tests.api.builders import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_page_may_load_nothing_but_our_own(shared: Api) -> None:
    answer = await shared.http.get("/")
    if answer.status_code == 503:
        assert "make web" in answer.text
        return
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-cache" in answer.headers["cache-control"], "a new version is seen at the next visit"
    assert "://" not in answer.text.replace("http://www.w3.org", "")


async def test_nothing_but_what_was_built_is_handed_out(shared: Api) -> None:
    for path in (
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets/..%2f..%2fpackage.json",
        "/assets/none.js",
    ):
        assert (await shared.http.get(path)).status_code == 404, path


async def test_what_is_loaded_comes_packed_for_who_can_unpack_it(shared: Api) -> None:
    if (await shared.http.get("/m/")).status_code == 503:
        return
    for path in ("/m/", "/m/sw.js", "/icon.svg"):
        packed = await shared.http.get(path, headers={"accept-encoding": "gzip, br"})
        plain = await shared.http.get(path, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content, "unpacked by the client"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
        assert "accept-encoding" in plain.headers["vary"].lower()
        again = await shared.http.get(
            path, headers={"accept-encoding": "gzip", "if-none-match": packed.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
    picture = await shared.http.get("/m/icon-192.png")
    assert "content-encoding" not in picture.headers


async def test_long_answers_come_packed_and_short_ones_as_they_are(shared: Api) -> None:
    long = await shared.http.get("/schema/openapi.json")
    assert long.headers["content-encoding"] == "gzip"
    assert long.json()["openapi"]
    assert "content-encoding" not in (await shared.http.get("/api/promises")).headers


async def test_an_unbuilt_checkout_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    assert len(pages.pages()) == 3
    answer = await pages.console_page.fn(SimpleNamespace(headers={}))
    assert answer.status_code == 503
    assert "make web" in answer.content


async def test_the_phone_s_page_stands_under_its_own_folder_with_its_worker(shared: Api) -> None:
    if (await shared.http.get("/m/")).status_code == 503:
        return
    bare = await shared.http.get("/m")
    assert (bare.status_code, bare.headers["location"]) == (308, "/m/"), (
        "the worker watches over /m/ and nothing shorter"
    )
    started = await shared.http.get("/m?crs=gcj02")
    assert started.headers["location"] == "/m/?crs=gcj02", "how the page is started is not lost on the way"
    page = await shared.http.get("/m/")
    assert page.headers["content-security-policy"] == (await shared.http.get("/")).headers["content-security-policy"]
    by_name = await shared.http.get("/m/index.html")
    assert by_name.content == page.content, "what the worker keeps is the page"
    for name, media_type in pages.PHONE_FILES.items():
        file = await shared.http.get(f"/m/{name}")
        assert file.headers["content-type"].startswith(media_type), name
        assert file.headers["cache-control"] == "no-cache", "a new version is seen at the next visit"
    assert (await shared.http.get("/m/assets/../../package.json")).status_code == 404
