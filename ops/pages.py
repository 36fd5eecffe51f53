"""The web apps as the server hands them out: the control room at `/`, the phone app at `/m/`, and what they load.

Built by `make web` into web/dist.
"""

from pathlib import Path
from typing import Any, Final

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.response import File, Redirect
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
# What lies beside the phone's page, by its type; the service worker is looked for anew at every visit.
PHONE_FILES: Final = {
    "sw.js": "text/javascript",
    "manifest.webmanifest": "application/manifest+json",
    "icon.svg": "image/svg+xml",
    "icon-192.png": "image/png",
    "icon-512.png": "image/png",
    "icon-maskable-512.png": "image/png",
}
NOT_BUILT: Final = (
    "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>救助圈</title><p>网页尚未构建：请运行 make web，再重启服务。"
    "<p>The web apps are not built yet: run <code>make web</code> and start the server again."
)


@get("/", include_in_schema=False, media_type="text/html")
async def console_page() -> Response[Any]:
    """The control room. Its files have names that change with their content; the page itself is always asked anew."""
    return _page(BUILT / "index.html")


@get("/m", include_in_schema=False, media_type="text/html")
async def phone_page(request: Request[Any, Any, State]) -> Response[Any]:
    """The phone app. Its service worker watches over `/m/`, so without the stroke at the end it would not be kept."""
    if not request.scope["raw_path"].endswith(b"/"):  # the framework takes the stroke off its own
        return Redirect("/m/", status_code=308)
    return _page(BUILT / "m" / "index.html")


@get("/m/index.html", include_in_schema=False, media_type="text/html")
async def phone_page_by_name() -> Response[Any]:
    """The same page under the name by which the phone's service worker keeps it."""
    return _page(BUILT / "m" / "index.html")


def _page(file: Path) -> Response[Any]:
    if not file.is_file():
        return Response(NOT_BUILT, status_code=503, media_type="text/html")
    return File(file, media_type="text/html", content_disposition_type="inline", headers=PAGE_HEADERS)


def _phone_file(name: str, media_type: str) -> Any:
    @get(f"/m/{name}", include_in_schema=False, media_type=media_type, name=f"phone-{name}")
    async def phone_file() -> File:
        return File(
            BUILT / "m" / name,
            media_type=media_type,
            content_disposition_type="inline",
            headers={"Cache-Control": "no-cache"},
        )

    return phone_file


@get("/icon.svg", include_in_schema=False, media_type="image/svg+xml")
async def icon() -> File:
    """The sign of the product."""
    return File(BUILT / "icon.svg", media_type="image/svg+xml", content_disposition_type="inline")


def pages() -> list[Any]:
    """The pages and the files they load, for as long as they are: a new version has new names. Unbuilt, only pages that say so."""
    if not (BUILT / "assets").is_dir() or not (BUILT / "m" / "assets").is_dir():
        return [console_page, phone_page]
    beside = [_phone_file(name, media_type) for name, media_type in PHONE_FILES.items()]
    return [
        *(console_page, icon, _assets("/assets", BUILT / "assets")),
        *(phone_page, phone_page_by_name, *beside, _assets("/m/assets", BUILT / "m" / "assets")),
    ]


def _assets(path: str, folder: Path) -> Any:
    return create_static_files_router(
        path=path,
        directories=[folder],
        name=path.strip("/").replace("/", "-"),
        include_in_schema=False,
        after_request=_keep("public, max-age=31536000, immutable"),
    )


def _keep(how: str) -> Any:
    def keep(answer: Response[Any]) -> Response[Any]:
        answer.headers["Cache-Control"] = how
        return answer

    return keep
