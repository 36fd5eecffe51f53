"""Photos: judged by their content, stripped of everything but the picture, and made small.

A photo from a phone says where and by whom it was taken; none of that is kept (DOMAIN §8). What is stored is a fresh
JPEG of the pixels, turned upright first. `prepare` is pure and takes 0.1–0.5 s for a big picture: call it in a thread.
Where photos are kept: `backend.intake.photo_store`. See docs/decisions/0304-photos.md.
"""

import io
import warnings
from typing import Final

from msgspec import Struct
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from backend.errors import Invalid
from backend.policy import Policy

MAX_PIXELS: Final = 64_000_000
"""More than any phone makes in one picture (50 MP); a larger header is a trap or a scan."""

LONG_SIDE_PX: Final = 2048
THUMB_SIDE_PX: Final = 320
_FORMATS: Final = ("JPEG", "PNG", "WEBP")  # JPEG includes MPO, several pictures in one .jpg, as many phones write
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})


class Photo(Struct, frozen=True):
    """A picture ready to be stored: two JPEGs without metadata."""

    data: bytes
    thumb: bytes
    width_px: int
    height_px: int


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
    return Photo(data, thumb, width_px, height_px)


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
