"""The web apps as the server hands them out: the control room at `/`, the phone app at `/m/`, the check of documents at `/check`.

Built by `make web` into web/dist; packed once by gzip, since a phone loads them over a weak network.
"""

import asyncio
import gzip
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from backend.web import AnyRequest

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
COMES_PACKED: Final = "comes_packed"
"""Marks routes whose answers nobody needs to pack again."""
FOR_EVER: Final = "public, max-age=31536000, immutable"
NEVER_PACKED: Final = frozenset({".png", ".woff2"})
TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}
CERTIFICATE_TYPE: Final = "application/x-x509-ca-cert"
NOT_BUILT: Final = (
    "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>救助圈</title><p>网页尚未构建：请运行 make web，再重启服务。"
    "<p>The web apps are not built yet: run <code>make web</code> and start the server again."
)


@get("/", include_in_schema=False, media_type="text/html", opt={COMES_PACKED: True})
async def console_page(request: AnyRequest) -> Response[Any]:
    """The control room. Its files have names that change with their content; the page itself is always asked anew."""
    return await _page(BUILT / "index.html", request)


@get(["/check", "/check/{code:str}"], include_in_schema=False, media_type="text/html", opt={COMES_PACKED: True})
async def check_page(request: AnyRequest) -> Response[Any]:
    """Where the QR code of a document leads: whether it is genuine. The page reads the code from its own address."""
    return await _page(BUILT / "check.html", request)


@get("/m", include_in_schema=False, media_type="text/html", opt={COMES_PACKED: True})
async def phone_page(request: AnyRequest) -> Response[Any]:
    """The phone app. Its service worker watches over `/m/`, so without the stroke at the end it would not be kept."""
    if not request.scope["raw_path"].endswith(b"/"):  # the framework takes the stroke off its own
        query = request.scope["query_string"].decode("latin-1")
        return Redirect(f"/m/?{query}" if query else "/m/", status_code=308)
    return await _page(BUILT / "m" / "index.html", request)


@get("/m/index.html", include_in_schema=False, media_type="text/html", opt={COMES_PACKED: True})
async def phone_page_by_name(request: AnyRequest) -> Response[Any]:
    """The same page under the name by which the phone's service worker keeps it."""
    return await _page(BUILT / "m" / "index.html", request)


async def _page(file: Path, request: AnyRequest) -> Response[Any]:
    try:
        return await _file(file, "text/html", request, PAGE_HEADERS)
    except FileNotFoundError:
        return Response(NOT_BUILT, status_code=503, media_type="text/html")


async def _file(file: Path, media_type: str, request: AnyRequest, headers: Mapping[str, str]) -> Response[bytes]:
    """The file, packed for who can unpack it; nothing but its mark for who has it already."""
    packs = file.suffix not in NEVER_PACKED
    packed = packs and "gzip" in request.headers.get("accept-encoding", "")
    tag, content = await asyncio.to_thread(_read, file, packed=packed)
    told = {**headers, "ETag": tag, **({"Vary": "Accept-Encoding"} if packs else {})}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, media_type=media_type, headers=told)
    return Response(content, media_type=media_type, headers=told | ({"Content-Encoding": "gzip"} if packed else {}))


def _read(file: Path, *, packed: bool) -> tuple[str, bytes]:
    found = file.stat()
    tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}{"-gzip" if packed else ""}"'
    return tag, _content(file, tag, packed)


@lru_cache(maxsize=512)
def _content(file: Path, _tag: str, packed: bool) -> bytes:
    content = file.read_bytes()
    return gzip.compress(content, 9, mtime=0) if packed else content


def _beside(path: str, file: Path, media_type: str) -> Any:
    """A file with a name that stays; asked anew at every visit."""

    @get(path, include_in_schema=False, media_type=media_type, name=f"file-{path}", opt={COMES_PACKED: True})
    async def beside(request: AnyRequest) -> Response[bytes]:
        return await _file(file, media_type, request, {"Cache-Control": "no-cache"})

    return beside


def pages(tls_folder: Path | None = None) -> list[Any]:
    """The pages and the files they load, for as long as they are: a new version has new names. Unbuilt, only pages that say so.

    tls_folder: of a certificate by an authority of our own, which phones fetch here (docs/phone.md).
    """
    authority = tls_folder / "ca.pem" if tls_folder else None
    trusted = [_beside("/local-ca.crt", authority, CERTIFICATE_TYPE)] if authority and authority.is_file() else []
    return [*_pages(), *trusted]


def _pages() -> list[Any]:
    if not (BUILT / "assets").is_dir() or not (BUILT / "m" / "assets").is_dir():
        return [console_page, phone_page, check_page]
    beside = [_beside(f"/m/{name}", BUILT / "m" / name, media_type) for name, media_type in PHONE_FILES.items()]
    icon = _beside("/icon.svg", BUILT / "icon.svg", "image/svg+xml")
    return [
        *(console_page, check_page, icon, _assets("/assets", BUILT / "assets")),
        *(phone_page, phone_page_by_name, *beside, _assets("/m/assets", BUILT / "m" / "assets")),
    ]


def _assets(path: str, folder: Path) -> Any:
    """What was built, by its name and nothing else: no address leads elsewhere on the disk."""
    built = {file.name: file for file in folder.iterdir() if file.is_file()}

    @get(f"{path}/{{name:str}}", include_in_schema=False, name=f"files-{path}", opt={COMES_PACKED: True})
    async def asset(name: FromPath[str], request: AnyRequest) -> Response[bytes]:
        file = built.get(name)
        if file is None:
            raise NotFoundException
        media_type = TYPES.get(file.suffix, "application/octet-stream")
        return await _file(file, media_type, request, {"Cache-Control": FOR_EVER})

    return asset
