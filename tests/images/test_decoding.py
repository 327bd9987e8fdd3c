import io
import struct
import zlib

import numpy as np
import pytest
from image_files import png, tiff
from PIL import Image

from tacit.errors import ImagesError
from tacit.images.decoding import MAX_PIXELS, decode, looks_grey, open_header, upright_size
from tacit.images.folders import read_folder

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def decoded(data: bytes, size: int | None = None, channels: str | None = None):
    return decode(data, size=size, channels=channels)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_bytes_are_kept(kind):
    pixels, kinds = decoded(encoded(Image.fromarray(GREY), kind))
    np.testing.assert_array_equal(pixels, GREY[None])
    assert kinds == []
    pixels, kinds = decoded(encoded(Image.fromarray(COLOUR), kind))
    np.testing.assert_array_equal(pixels, COLOUR.transpose(2, 0, 1))
    assert kinds == []


def test_webp_and_jpeg():
    smooth = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8)
    pixels, _ = decoded(encoded(Image.fromarray(smooth), "WEBP", lossless=True))
    np.testing.assert_array_equal(pixels, smooth.transpose(2, 0, 1))
    pixels, _ = decoded(encoded(Image.fromarray(smooth[..., 0]), "JPEG", quality=95))
    assert np.abs(pixels[0].astype(int) - smooth[..., 0]).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels, kinds = decoded(encoded(Image.fromarray(every), kind))
    np.testing.assert_array_equal(pixels[0].ravel(), np.rint(np.arange(65536) * 255 / 65535))
    assert kinds == ["16 bits scaled to 8"]


def test_sixteen_bits_of_three_channels():
    values = RNG.integers(0, 65536, (4, 5, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    pixels, kinds = decoded(png(5, 4, 16, 2, rows))
    assert kinds == ["16 bits scaled to 8"]
    difference = pixels.transpose(1, 2, 0) - values / 257
    assert np.abs(difference).max() <= 1


def on_white(values, alpha):
    alpha = alpha / 255
    return values * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(kind):
    image = Image.fromarray(np.dstack([COLOUR, ALPHA]))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    pixels, kinds = decoded(encoded(image, kind, **options))
    expected = on_white(COLOUR, ALPHA[..., None]).transpose(2, 0, 1)
    assert np.abs(pixels - expected).max() <= 1
    assert kinds == ["transparency laid on white"]


def test_grey_with_transparency_stays_grey():
    pixels, kinds = decoded(encoded(Image.fromarray(np.dstack([GREY, ALPHA]), "LA")))
    assert np.abs(pixels - on_white(GREY, ALPHA)[None]).max() <= 1
    assert kinds == ["transparency laid on white"]


def test_a_transparent_grey_level():
    pixels, kinds = decoded(encoded(Image.fromarray(GREY), transparency=int(GREY[0, 0])))
    np.testing.assert_array_equal(pixels[0], np.where(GREY[0, 0] == GREY, 255, GREY))
    assert kinds == ["transparency laid on white"]
    deep = GREY.astype(np.uint16) * 257
    pixels, _ = decoded(encoded(Image.fromarray(deep), transparency=int(deep[0, 0])))
    np.testing.assert_array_equal(pixels[0], np.where(GREY[0, 0] == GREY, 255, GREY))


def test_a_palette_with_a_transparent_entry():
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    pixels, kinds = decoded(encoded(image))
    assert pixels[:, 1, 1].tolist() == [100, 110, 120]
    assert kinds == ["palette expanded"]
    pixels, kinds = decoded(encoded(image, transparency=3))
    assert pixels[:, 1, 1].tolist() == [255, 255, 255]
    assert pixels[:, 0, 1].tolist() == [40, 50, 60]
    assert kinds == ["palette expanded", "transparency laid on white"]


def test_one_bit():
    pixels, kinds = decoded(encoded(Image.fromarray(GREY > 127)))
    np.testing.assert_array_equal(pixels[0], np.where(GREY > 127, 255, 0))
    assert kinds == ["1 bit scaled to 8"]


def test_cmyk():
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))  # cyan
    pixels, kinds = decoded(encoded(image, "TIFF"))
    assert pixels[:, 0, 0].tolist() == [0, 255, 255]
    assert kinds == ["CMYK converted to rgb"]


def test_floating_point():
    values = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    pixels, kinds = decoded(encoded(Image.fromarray(values), "TIFF"))
    assert pixels.ravel().tolist() == list(range(256))
    assert kinds == ["floating-point values scaled to 8 bits"]
    for wrong in (2.0, np.nan):
        with pytest.raises(ImagesError, match=r"must be in \[0, 1\]|hold NaN"):
            decoded(encoded(Image.fromarray(np.full((4, 4), wrong, np.float32)), "TIFF"))


def test_thirty_two_bits_have_no_known_range():
    image = Image.fromarray(np.zeros((4, 4), np.int32))
    with pytest.raises(ImagesError, match="samples are signed, and what is black and white is not"):
        decoded(encoded(image, "TIFF"))
    with pytest.raises(ImagesError, match="mode I have no known range"):
        decoded(tiff(np.zeros((4, 4), np.uint32)))


def test_only_the_first_frame():
    first, second = Image.fromarray(GREY), Image.fromarray(255 - GREY)
    for kind in ("PNG", "TIFF"):
        data = encoded(first, kind, save_all=True, append_images=[second])
        pixels, kinds = decoded(data)
        np.testing.assert_array_equal(pixels, GREY[None])
        assert kinds == ["only the first of several frames taken"]


TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.T,
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation(kind, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(np.dstack([GREY] * 3)) if kind == "WEBP" else Image.fromarray(GREY)
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels, kinds = decoded(encoded(image, kind, exif=exif, **options))
    np.testing.assert_array_equal(pixels[0], TURNS[orientation](GREY))
    assert kinds == ([] if orientation == 1 else ["turned as EXIF says"])


def test_damaged_exif_leaves_the_pixels():
    pixels, kinds = decoded(encoded(Image.fromarray(GREY), exif=b"Exif\0\0nonsense"))
    np.testing.assert_array_equal(pixels[0], GREY)
    assert kinds == ["damaged EXIF passed over"]


def test_channels_as_asked():
    pixels, kinds = decoded(encoded(Image.fromarray(COLOUR)), channels="gray")
    luma = COLOUR @ [0.299, 0.587, 0.114]
    assert np.abs(pixels[0] - luma).max() <= 0.51
    assert kinds == ["converted to gray"]
    pixels, kinds = decoded(encoded(Image.fromarray(GREY)), channels="rgb")
    np.testing.assert_array_equal(pixels, np.stack([GREY] * 3))
    assert kinds == ["converted to rgb"]
    assert decoded(encoded(Image.fromarray(GREY)), channels="gray")[1] == []


def test_size_as_asked():
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    pixels, kinds = decoded(encoded(Image.fromarray(wide)), size=5)
    np.testing.assert_array_equal(pixels, np.full((1, 5, 5), 200))
    assert kinds == ["resized to 5×5", "cut to the centred square"]
    pixels, kinds = decoded(encoded(Image.fromarray(wide.T)), size=20)
    np.testing.assert_array_equal(pixels, np.full((1, 20, 20), 200))
    same = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    pixels, kinds = decoded(encoded(Image.fromarray(same)), size=8)
    np.testing.assert_array_equal(pixels[0], same)
    assert kinds == []


def test_a_needle_is_no_trouble():
    pixels, _ = decoded(encoded(Image.new("L", (60_000, 1), 7)), size=16)
    np.testing.assert_array_equal(pixels, np.full((1, 16, 16), 7))


def test_a_large_jpeg_is_decoded_small():
    ramp = np.broadcast_to(np.linspace(0, 255, 1600), (1600, 1600)).astype(np.uint8)
    pixels, _ = decoded(encoded(Image.fromarray(ramp), "JPEG", quality=95), size=16)
    expected = ramp.reshape(16, 100, 16, 100).mean((1, 3))
    assert np.abs(pixels[0] - expected).max() < 4


@pytest.mark.parametrize("side", [20_000, 9_000])
def test_a_decompression_bomb_is_refused_by_its_header(side):
    data = png(side, side, 1, 0, (b"\0" + bytes(side // 8)) * side)
    assert len(data) < 60_000
    with pytest.raises(ImagesError, match=f"the limit is {MAX_PIXELS:,}"):
        decoded(data)


RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
SIXTEEN = RAMP.astype(np.uint16) * 257


@pytest.mark.parametrize(
    "data",
    [
        tiff(255 - RAMP, white_is_zero=True),
        tiff(65535 - SIXTEEN, white_is_zero=True),
        tiff((1 - RAMP / 255).astype(np.float32), white_is_zero=True),
        tiff(SIXTEEN, order=">"),
        tiff(np.rint(RAMP / 255 * 4095).astype(np.uint16), bits=12),
    ],
)
def test_what_a_tiff_says_of_its_samples(data):
    """Bit depth, order of bytes, and whether 0 is white."""
    pixels, _ = decoded(data)
    np.testing.assert_array_equal(pixels[0], RAMP)


def test_what_a_tiff_says_is_told():
    assert decoded(tiff(RAMP, white_is_zero=True))[1] == ["0 is white, as the file says"]
    assert decoded(tiff(SIXTEEN // 16, bits=12))[1] == ["12 bits scaled to 8"]


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
def test_signed_samples_are_refused(kind):
    with pytest.raises(ImagesError, match="signed"):
        decoded(tiff(np.zeros((4, 4), kind)))


@pytest.mark.parametrize("most", [15, 255, 4095, 65535])
def test_pgm_of_any_largest_value(most):
    values = np.rint(RAMP / 255 * most)
    data = values.astype(np.uint8 if most < 256 else ">u2").tobytes()
    pixels, _ = decoded(b"P5 8 8 %d\n" % most + data)
    assert np.abs(pixels[0] - values / most * 255).max() <= 0.51


def test_gif_jfif_and_ppm():
    pixels, kinds = decoded(encoded(Image.fromarray(RAMP), "GIF"))
    np.testing.assert_array_equal(pixels[0], RAMP)
    data = encoded(
        Image.fromarray(RAMP), "GIF", save_all=True, append_images=[Image.fromarray(255 - RAMP)]
    )
    pixels, kinds = decoded(data)
    np.testing.assert_array_equal(pixels[0], RAMP)
    assert "only the first of several frames taken" in kinds
    pixels, _ = decoded(encoded(Image.fromarray(COLOUR), "PPM"))
    np.testing.assert_array_equal(pixels, COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("grey", [True, False])
def test_a_palette_of_greys_is_grey(kind, grey):
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4), "P")
    levels = [255 - 16 * i for i in range(16)]
    image.putpalette([c for v in levels for c in (v, v, v if grey else v // 2)])
    data = encoded(image, kind)
    assert looks_grey(open_header(data)) == grey
    pixels, kinds = decoded(data)
    assert len(pixels) == (1 if grey else 3)
    np.testing.assert_array_equal(pixels[0].ravel(), levels)
    assert kinds == ["palette expanded"]


@pytest.mark.parametrize("orientation", TURNS)
def test_the_size_of_a_header_is_that_of_the_pixels(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    for kind in ("JPEG", "TIFF"):
        data = encoded(Image.fromarray(GREY), kind, exif=exif)
        assert upright_size(open_header(data)) == decoded(data)[0].shape[:0:-1]


def sixteen(values, said: int) -> bytes:
    """A grey PNG of 16 bits that says how many of them are significant."""
    body = b"sBIT" + bytes([said])
    chunk = struct.pack(">I", 1) + body + struct.pack(">I", zlib.crc32(body))
    height, width = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, 16, 0, rows, chunk)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_samples_that_were_not_scaled_are_where_the_file_says_how_many_bits_they_have(bits):
    values = np.arange(1 << bits).reshape(-1, 32)
    white = (1 << bits) - 1
    pixels, kinds = decoded(sixteen(values, bits))
    np.testing.assert_array_equal(pixels[0], np.floor(values * 255 / white + 0.5))
    assert kinds == [f"{bits} bits, as the file says, scaled to 8"]


@pytest.mark.parametrize("shade", [1, 1 / 16], ids=["whole range", "a dark picture"])
def test_samples_that_were_scaled_as_png_has_it_stay(shade):
    values = (np.arange(4096) * shade).astype(int).reshape(-1, 32)
    scaled = values << 4 | values >> 8  # left bit replication
    pixels, kinds = decoded(sixteen(scaled, 12))
    np.testing.assert_array_equal(pixels[0], np.floor(scaled * 255 / 65_535 + 0.5))
    assert kinds == ["16 bits scaled to 8"]


def test_what_a_file_holds_counts_and_not_how_it_is_called(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        image = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
        kind = ("PNG", "JPEG", "GIF", "BMP")[number % 4]
        (folder / f"{number}.jpg").write_bytes(encoded(Image.fromarray(image), kind))
    opened = read_folder(folder)
    assert len(opened.train) + len(opened.test) == 12
