"""The web apps as the server hands them out: one page, and what it loads. Built by `make web` into web/dist."""

from pathlib import Path
from typing import Any, Final

from litestar import Response, get
from litestar.response import File
from litestar.static_files import create_static_files_router

BUILT: Final = Path(__file__).resolve().parent.parent / "web" / "dist"

# Nothing but our own: no other site's scripts, pictures or connections. Styles are set by the components themselves.
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGE_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NOT_BUILT: Final = (
    "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>救助圈</title><p>网页尚未构建：请运行 make web，再重启服务。"
    "<p>The web apps are not built yet: run <code>make web</code> and start the server again."
)


@get("/", include_in_schema=False, media_type="text/html")
async def console_page() -> Response[Any]:
    """The control room. Its files have names that change with their content; the page itself is always asked anew."""
    if not (BUILT / "index.html").is_file():
        return Response(NOT_BUILT, status_code=503, media_type="text/html")
    return File(BUILT / "index.html", media_type="text/html", content_disposition_type="inline", headers=PAGE_HEADERS)


@get("/icon.svg", include_in_schema=False, media_type="image/svg+xml")
async def icon() -> File:
    """The sign of the product."""
    return File(BUILT / "icon.svg", media_type="image/svg+xml", content_disposition_type="inline")


def pages() -> list[Any]:
    """The page and the files it loads, for as long as they are: a new version has new names. Unbuilt, only a page that says so."""
    assets = BUILT / "assets"
    if not assets.is_dir():
        return [console_page]
    files = create_static_files_router(
        path="/assets",
        directories=[assets],
        name="assets",
        include_in_schema=False,
        after_request=_keep("public, max-age=31536000, immutable"),
    )
    return [console_page, icon, files]


def _keep(how: str) -> Any:
    def keep(answer: Response[Any]) -> Response[Any]:
        answer.headers["Cache-Control"] = how
        return answer

    return keep
