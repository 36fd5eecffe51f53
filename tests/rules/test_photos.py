"""Photos: only the picture is kept, and traps are refused."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from backend.errors import Invalid
from backend.intake.photos import prepare
from backend.policy import parse_policy
from tests.rules.builders import POLICY

_GPS, _ORIENTATION, _MAKE = 0x8825, 0x0112, 0x010F


def picture(form: str = "JPEG", size: tuple[int, int] = (400, 200), mode: str = "RGB", **save: Any) -> bytes:
    """Left half red, right half blue."""
    image = Image.new(mode, size, "blue")
    image.paste(Image.new(mode, (size[0] // 2, size[1]), "red"), (0, 0))
    out = io.BytesIO()
    image.save(out, form, **save)
    return out.getvalue()


def with_exif(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[_MAKE] = "SecretPhone"
    exif[_ORIENTATION] = orientation
    exif.get_ifd(_GPS).update({1: "N", 2: (38.0, 55.0, 12.0), 3: "E", 4: (121.0, 38.0, 38.0)})
    return picture(exif=exif, comment=b"taken by Zhang")


def seen(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def refusal(raw: bytes) -> Invalid:
    with pytest.raises(Invalid) as refused:
        prepare(raw, POLICY)
    assert refused.value.extra["field"] == "photo"
    return refused.value


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_three_usual_kinds_become_a_jpeg_and_a_thumbnail(form: str) -> None:
    photo = prepare(picture(form, (800, 400)), POLICY)
    assert (photo.width_px, photo.height_px) == seen(photo.data).size == (800, 400)
    assert seen(photo.thumb).size == (320, 160)
    assert seen(photo.data).format == seen(photo.thumb).format == "JPEG"


def test_a_phones_jpeg_with_several_pictures_in_it_keeps_the_first_only() -> None:
    out = io.BytesIO()
    first, second = Image.new("RGB", (40, 20), "red"), Image.new("RGB", (40, 20), "blue")
    first.save(out, "MPO", save_all=True, append_images=[second])
    photo = prepare(out.getvalue(), POLICY)
    assert len(photo.data) < len(out.getvalue())
    pixel = seen(photo.data).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200


def test_where_when_and_by_whom_it_was_taken_is_gone() -> None:
    raw = with_exif()
    assert b"SecretPhone" in raw
    assert seen(raw).getexif().get_ifd(_GPS)
    photo = prepare(raw, POLICY)
    for data in (photo.data, photo.thumb):
        assert not seen(data).getexif()
        assert "comment" not in seen(data).info
        for secret in (b"SecretPhone", b"Zhang", b"Exif", b"XMP", b"Photoshop"):
            assert secret not in data


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [(1, (400, 200), (10, 100)), (3, (400, 200), (390, 100)), (6, (200, 400), (100, 10)), (8, (200, 400), (100, 390))],
)
def test_the_picture_is_turned_upright_before_its_orientation_is_forgotten(
    orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    data = prepare(with_exif(orientation), POLICY).data
    assert seen(data).size == size
    pixel = seen(data).getpixel(red_at)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert pixel[2] < 60


def test_what_is_hidden_in_a_png_is_gone_too() -> None:
    notes = PngInfo()
    notes.add_text("Author", "SecretAuthor")
    raw = picture("PNG", pnginfo=notes)
    assert b"SecretAuthor" in raw
    assert b"SecretAuthor" not in prepare(raw, POLICY).data


def test_bytes_after_the_picture_are_not_kept() -> None:
    photo = prepare(picture() + b"PK\x03\x04 a hidden archive", POLICY)
    assert b"hidden" not in photo.data


def test_a_big_picture_is_made_smaller_and_a_small_one_not_larger() -> None:
    assert seen(prepare(picture(size=(5000, 2500)), POLICY).data).size == (2048, 1024)
    assert seen(prepare(picture(size=(20, 10)), POLICY).thumb).size == (20, 10)
    assert seen(prepare(picture("PNG", size=(4000, 1)), POLICY).thumb).size == (320, 1)


def test_transparency_becomes_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(out, "PNG")
    assert seen(prepare(out.getvalue(), POLICY).data).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK"])
def test_pictures_of_other_colour_models_are_understood(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    out = io.BytesIO()
    Image.new("RGB", (40, 40), "red").convert(mode).save(out, form)
    assert seen(prepare(out.getvalue(), POLICY).data).mode == "RGB"


def test_a_damaged_colour_profile_does_not_lose_the_photo() -> None:
    assert prepare(picture(icc_profile=b"not a profile" * 20), POLICY).data


def test_a_colour_profile_is_applied_and_not_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = prepare(picture(icc_profile=profile), POLICY)
    assert "icc_profile" not in seen(photo.data).info


def test_the_kind_is_judged_by_the_content() -> None:
    assert refusal(b"<html><script>alert(1)</script></html>").code == "photo_unknown"
    assert refusal(b"GIF89a" + bytes(50)).code == "photo_unknown"
    assert refusal(b"%PDF-1.7 ...").code == "photo_unknown"
    assert refusal(b"").code == "photo_empty"


def test_a_heic_photo_is_named_and_the_way_out_told() -> None:
    refused = refusal(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    assert refused.code == "photo_heic"
    assert "兼容性最佳" in refused.zh
    assert "JPEG" in refused.en


def test_too_many_bytes_are_refused_before_they_are_looked_at() -> None:
    policy = parse_policy("[intake]\nmax_photo_mb = 0.001\n")
    with pytest.raises(Invalid) as refused:
        prepare(bytes(1001), policy)
    assert refused.value.code == "photo_too_big"


@pytest.mark.parametrize("side", [9_000, 60_000])
@pytest.mark.filterwarnings("error")
def test_a_small_file_that_would_unfold_into_gigabytes_is_refused(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = zlib.compress(bytes(1000))
    body = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    assert refusal(b"\x89PNG\r\n\x1a\n" + chunk + body).code == "photo_too_many_pixels"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_cut_off_on_the_way_is_refused(form: str) -> None:
    noise = Image.effect_noise((600, 600), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, form)
    raw = out.getvalue()
    assert refusal(raw[: len(raw) // 2]).code == "photo_broken"


def test_the_same_picture_always_gives_the_same_bytes() -> None:
    assert prepare(with_exif(), POLICY) == prepare(with_exif(), POLICY)
