"""Photos: judged by their content, stripped of everything but the picture, made small, and kept by their own hash.

A photo from a phone says where and by whom it was taken; none of that is kept (DOMAIN §8). What is stored is a fresh
JPEG of the pixels, turned upright first. `prepare` is pure and takes 0.1–0.5 s for a big picture: call it in a thread.
See docs/decisions/0304-photos.md.
"""

import errno
import hashlib
import io
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import BinaryIO, Final, Protocol, runtime_checkable

from msgspec import Struct
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from backend.errors import Invalid, NotFound, Unavailable
from backend.policy import Policy

MAX_PIXELS: Final = 64_000_000
"""More than any phone makes in one picture (50 MP); a larger header is a trap or a scan."""

LONG_SIDE_PX: Final = 2048
THUMB_SIDE_PX: Final = 320
_FORMATS: Final = ("JPEG", "PNG", "WEBP")  # JPEG includes MPO, several pictures in one .jpg, as many phones write
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})
_KEY: Final = re.compile(r"[0-9a-f]{64}")


class Photo(Struct, frozen=True):
    """A picture ready to be stored: two JPEGs without metadata. sha256 is that of `data`, and the key in the store."""

    data: bytes
    thumb: bytes
    width_px: int
    height_px: int
    sha256: str
    thumb_sha256: str
    original_sha256: str


@runtime_checkable  # the web framework asks whether what it hands to a route is one
class PhotoStore(Protocol):
    """Where photos are kept, by the hash of their bytes. Another store (S3, OSS) only has to keep this promise."""

    def put(self, data: bytes) -> str:
        """Keep `data` durably; its key (sha256, hex). The same bytes twice are one photo. Raises Unavailable."""
        ...

    def open(self, key: str) -> BinaryIO:
        """The photo for reading. Raises NotFound."""
        ...

    def delete(self, key: str) -> bool:
        """Remove it; whether it was there. The caller knows that nothing else refers to it."""
        ...


def prepare(raw: bytes, policy: Policy) -> Photo:
    """Check what was sent and make what is kept of it. Raises Invalid in the sender's words."""
    if len(raw) > policy.intake.max_photo_bytes:
        limit = f"{policy.intake.max_photo_mb:g}"
        raise _invalid(
            "photo_too_big", f"照片太大，不能超过 {limit} MB。", f"The photo is too big: {limit} MB is the most."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit, checked next, is lower
        picture = _opened(raw)
    upright = _decoded(picture)
    data = _jpeg(upright, LONG_SIDE_PX, quality=85)
    thumb = _jpeg(upright, THUMB_SIDE_PX, quality=80)
    width_px, height_px = _fitted(upright.size, LONG_SIDE_PX)
    return Photo(data, thumb, width_px, height_px, _sha256(data), _sha256(thumb), _sha256(raw))


class FolderStore:
    """Photos as files under one folder, two levels by hash. A photo is there whole or not at all, after a crash too."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        key = _sha256(data)
        path = self._path(key)
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_whole(path, data)
            except OSError as error:
                raise _no_room(error) from error
        return key

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise _gone() from error

    def delete(self, key: str) -> bool:
        try:
            self._path(key).unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, key: str) -> Path:
        """Where the photo lies. A key that is no hash is somebody trying their luck: NotFound."""
        if not _KEY.fullmatch(key):
            raise _gone()
        return self.root / key[:2] / key[2:4] / f"{key}.jpg"


def _opened(raw: bytes) -> Image.Image:
    """The picture, its header read and its size judged, not yet decoded."""
    try:
        picture = Image.open(io.BytesIO(raw), formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise _not_a_photo(raw) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (OSError, ValueError, SyntaxError) as error:
        raise _broken() from error
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_many_pixels()
    return picture


def _decoded(picture: Image.Image) -> Image.Image:
    """Upright RGB pixels in sRGB, on white where it was transparent; nothing else of the file."""
    try:
        picture.draft("RGB", (LONG_SIDE_PX, LONG_SIDE_PX))  # a JPEG is decoded no larger than needed
        picture.load()
        profile = picture.info.get("icc_profile")
        upright = ImageOps.exif_transpose(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _broken() from error
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return _in_srgb(upright.convert("RGB"), profile)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Phones photograph in a wider colour space; without its profile the picture would look pale."""
    if profile:
        try:
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, io.BytesIO(profile), srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return picture  # a profile that is damaged or not of RGB: the colours stay as they are
        return converted or picture
    return picture


def _jpeg(picture: Image.Image, long_side_px: int, *, quality: int) -> bytes:
    size = _fitted(picture.size, long_side_px)
    bare = Image.new("RGB", size)  # a new picture has no metadata to forget
    bare.paste(picture.resize(size, Image.Resampling.LANCZOS) if size != picture.size else picture)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _fitted(size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    """The size shrunk, never enlarged, to the long side; at least one pixel each way."""
    share = min(1.0, long_side_px / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def _write_whole(path: Path, data: bytes) -> None:
    """Temporary file, flushed to disk, renamed, and the folder flushed: no half photo after a power cut."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _invalid(code: str, zh: str, en: str) -> Invalid:
    return Invalid(zh, en, code=code, field="photo")


def _not_a_photo(raw: bytes) -> Invalid:
    if raw[4:8] == b"ftyp" and raw[8:12] in _HEIC_BRANDS:
        return _invalid(
            "photo_heic",
            "这是 HEIC 格式的照片，请在手机相机设置中选“兼容性最佳”，或改发 JPEG。",
            "This is a HEIC photo: set the camera to 'Most compatible', or send it as JPEG.",
        )
    if not raw:
        return _invalid("photo_empty", "照片是空的，请重新选择。", "The photo is empty: choose it again.")
    return _invalid(
        "photo_unknown", "这不是照片，请用 JPEG、PNG 或 WebP。", "This is not a photo: use JPEG, PNG or WebP."
    )


def _too_many_pixels() -> Invalid:
    limit = MAX_PIXELS // 1_000_000
    zh, en = f"照片尺寸太大（超过 {limit} 百万像素）。", f"The photo has too many pixels (over {limit} million)."
    return _invalid("photo_too_many_pixels", zh, en)


def _broken() -> Invalid:
    return _invalid(
        "photo_broken",
        "照片不完整，可能没有传完，请重发。",
        "The photo is damaged, perhaps cut off on the way: send it again.",
    )


def _gone() -> NotFound:
    return NotFound("没有这张照片，可能已按规定删除。", "No such photo; it may have been removed as the rules ask.")


def _no_room(error: OSError) -> Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        zh, en = (
            "存储空间已满，照片未保存，请通知管理员。",
            "The disk is full and the photo was not kept: tell the administrator.",
        )
        return Unavailable(zh, en, code="photo_store_full")
    zh, en = "照片暂时无法保存，请稍后重发。", "The photo cannot be kept right now: send it again later."
    return Unavailable(zh, en, code="photo_store_down")
