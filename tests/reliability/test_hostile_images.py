"""Image files, arrays and tables made to harm: refused, in bounded memory, reaching nothing."""

import io
import os
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from peak import megabytes_of
from tacit.errors import ImagesError
from tacit.images import bounded
from tacit.images.arrays import Arrays, read_npz, split_from_arrays
from tacit.images.bounded import printable
from tacit.images.dataset import LONGEST_NAME, MAX_CLASSES
from tacit.images.decoding import MAX_PIXELS_KEPT, decode
from tacit.images.folders import read_folder
from tacit.images.listing import list_folder
from tacit.images.parallel import AtOnce
from tacit.images.tables import MAX_TABLE
from tacit.images.values import as_array


def images_from_arrays(x, y=None, class_names=()):
    y = None if y is None else as_array(y, "labels")
    return split_from_arrays(Arrays(as_array(x, "arrays"), y), class_names, "arrays").train


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, depth: int, colour: int, n_bytes: int, *extra: bytes) -> bytes:
    """A black PNG of that size; `n_bytes` for each row. `extra` chunks stand before the pixels."""
    deflate = zlib.compressobj(9)
    rows = [deflate.compress(bytes(1 + n_bytes)) for _ in range(height)]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = b"".join([*rows, deflate.flush()])
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(*tags: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A little-endian TIFF of one directory; tags are (number, type, count, value or offset)."""
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + struct.pack("<I", following)


GREY = ((256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
NOTHING = zlib.compress(bytes(200 << 20), 9)
EXIF = b"Exif\0\0" + tiff((274, 3, 2**32 - 1, 6), (270, 2, 2**31, 0), (34665, 4, 1, 8))

BOMBS = {
    "400 megapixels of one bit": png(20_000, 20_000, 1, 0, 2_500),
    "64 megapixels as they are": png(8_000, 8_000, 1, 0, 1_000),
    "a WebP canvas of 268 megapixels": saved(Image.new("RGB", (16383, 16383)), "WEBP")[:400],
    "text that unfolds to 200 MB": png(8, 8, 8, 0, 8, chunk(b"zTXt", b"a\0\0" + NOTHING)),
    "a colour profile of 200 MB": png(8, 8, 8, 2, 24, chunk(b"iCCP", b"a\0\0" + NOTHING)),
    "EXIF that lies": saved(Image.new("L", (8, 8)), "JPEG", exif=EXIF),
    "a TIFF directory after itself": tiff(*GREY, (273, 4, 1, 8), (279, 4, 1, 64), following=8),
    "a TIFF strip of 4 GB": tiff(*GREY, (273, 4, 1, 8), (278, 3, 1, 8), (279, 4, 1, 2**32 - 1)),
    "a TIFF with 4 billion strips": tiff(*GREY, (273, 4, 2**32 - 1, 8), (279, 4, 2**32 - 1, 8)),
    "a BMP of 2 billion rows": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 8,
                                                 2**31 - 1, 1, 8, 1, 0, 0, 0, 0, 0),
    "a GIF canvas of 4 gigapixels": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0xF0, 0, 0)
    + bytes(6) + b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\2\2\x4c\1\0;",
    "a PGM of 10 gigapixels": b"P5 100000 100000 65535\n" + bytes(100),
    "a PPM in words that never end": b"P3 8 8 255\n" + b"1" * 100_000,
    "an icon": saved(Image.new("L", (16, 16)), "ICO"),
}  # fmt: skip


@pytest.mark.parametrize("size", [None, 8])
def test_image_bombs_take_little_memory(size, tmp_path) -> None:
    for number, data in enumerate(BOMBS.values()):
        (tmp_path / str(number)).write_bytes(data)
    assert max(map(len, BOMBS.values())) < 250_000
    code = f"""
warnings.simplefilter("ignore")
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        pixels, _ = decode(path.read_bytes(), size={size}, channels=None)
        assert pixels.shape[1:] == (8, 8), (path, pixels.shape)
    except AssertionError:
        raise
    except Exception:
        pass
"""
    imports = (
        "import warnings\nfrom pathlib import Path\nfrom tacit.images.decoding import decode\n"
    )
    imports += "import PIL.Image; PIL.Image.init()"
    # The 64 megapixels may be made smaller; of one bit, they take a byte each on the way.
    assert megabytes_of(code, str(tmp_path), imports=imports) < (60 if size is None else 250)


READ = {
    "text that unfolds to 200 MB",
    "a colour profile of 200 MB",
    "EXIF that lies",
    "a TIFF directory after itself",
    "a TIFF strip of 4 GB",
}
"""Bombs in what is beside the pixels: Pillow may pass them over, and the pixels are there."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(BOMBS.keys() - READ))
def test_an_image_bomb_is_refused(name) -> None:
    with pytest.raises((ImagesError, OSError, ValueError)):
        decode(BOMBS[name], size=None, channels=None)


@pytest.mark.filterwarnings("ignore")  # as `read_folder` does
def test_a_lie_in_exif_leaves_the_pixels() -> None:
    pixels, kinds = decode(BOMBS["EXIF that lies"], size=None, channels=None)
    assert pixels.shape == (1, 8, 8)
    assert set(kinds) <= {"damaged EXIF passed over", "turned as EXIF says"}


def test_a_large_image_needs_a_size() -> None:
    side = int(MAX_PIXELS_KEPT**0.5) + 8
    data = png(side, side, 1, 0, side // 8)
    with pytest.raises(ImagesError, match=r"more than 4,194,304 .* with size \(--size\)"):
        decode(data, size=None, channels=None)
    pixels, _ = decode(data, size=4, channels=None)
    assert pixels.shape == (1, 4, 4)


@pytest.mark.slow
def test_a_folder_of_large_images_is_bounded_whatever_the_number_of_cores(tmp_path) -> None:
    data = png(6_000, 6_000, 8, 6, 24_000)  # 36 megapixels, 576 MB on the way
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(data)
    code = """
def read(path):
    return decode(path.read_bytes(), size=8, channels=None)[0].sum()
os.cpu_count = lambda: 16
assert len(list(in_order(read, sorted(Path(sys.argv[1]).iterdir())))) == 12
"""
    imports = """
import os
from pathlib import Path
from tacit.images.decoding import decode
from tacit.images.parallel import in_order
"""
    assert megabytes_of(code, str(tmp_path), imports=imports) < 1_100


def test_no_more_than_the_limit_is_worked_on_at_once() -> None:
    gate, seen, working = AtOnce(10), [], []
    lock = threading.Lock()

    def work(units: int) -> None:
        with gate.working_on(units):
            with lock:
                working.append(units)
                seen.append(sum(working))
            time.sleep(0.002)
            with lock:
                working.remove(units)

    threads = [threading.Thread(target=work, args=(units,)) for units in (3, 7, 4, 4, 4, 25, 1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert max(total for total in seen if total != 25) <= 10
    assert gate._used == 0


def test_an_archive_unfolds_to_no_more_than_the_limit_in_all(tmp_path, monkeypatch) -> None:
    x = np.zeros((4, 8, 8), np.uint8)
    np.savez_compressed(tmp_path / "x.npz", x=x, x_test=x)
    monkeypatch.setattr(bounded, "LIMIT", 500)
    with pytest.raises(ImagesError, match="promises 512 bytes; compressed files may hold at most"):
        read_npz(tmp_path / "x.npz")
    monkeypatch.setattr(bounded, "LIMIT", 512)
    assert read_npz(tmp_path / "x.npz").x_test is not None


def test_labels_that_are_no_classes() -> None:
    x = np.zeros((MAX_CLASSES + 1, 1, 1), np.uint8)
    with pytest.raises(ImagesError, match="name 2,001 classes; there can be 2,000"):
        images_from_arrays(x, np.arange(len(x)))
    twice, labels = np.repeat(x[1:], 2, axis=0), np.repeat(np.arange(MAX_CLASSES), 2)
    assert images_from_arrays(twice, labels).n_classes == MAX_CLASSES
    with pytest.raises(ImagesError, match="a name of 201 characters; 200 are allowed"):
        images_from_arrays(x[:1], ["x" * (LONGEST_NAME + 1)])


STEERING = "a\x1b[2J\r\x08\x00\x9b31m\u202eb\u2028\x7f"


def test_names_do_not_steer_a_terminal(tmp_path) -> None:
    images = images_from_arrays(np.zeros((1, 2, 2), np.uint8), [STEERING.replace("\0", "")])
    name = STEERING.replace("\0", "")
    (tmp_path / name).mkdir()
    (tmp_path / name / f"{name}.png").write_bytes(b"")
    listing = list_folder(tmp_path)
    for shown in (*images.class_names, *listing.class_names, printable(STEERING)):
        assert shown.isprintable()
        assert r"\x1b[2J" in shown
    assert printable("caffè 🐈‍⬛ 日本") == "caffè 🐈‍⬛ 日本"


def test_a_table_without_end(tmp_path) -> None:
    (tmp_path / "1.png").write_bytes(b"")
    table = tmp_path / "labels.csv"
    with table.open("wb") as file:
        file.write(b"path,label\n")
        file.truncate(MAX_TABLE + 1)  # takes no disk
    with pytest.raises(ImagesError, match=f"has {MAX_TABLE + 1:,} bytes; {MAX_TABLE:,} are read"):
        list_folder(tmp_path)
    table.write_text("path,label\n" + "/etc/passwd,x\n" * 5_000)
    with pytest.raises(
        ImagesError, match=r"5,000 errors in labels\.csv:(\n.*){100}\n  and 4,900 more"
    ) as refused:
        read_folder(tmp_path)
    assert len(str(refused.value)) < 20_000


def test_a_table_of_images_that_are_not_there_takes_time_in_proportion(tmp_path) -> None:
    (tmp_path / "1.png").write_bytes(b"")
    rows = "".join(f"no/{number}.png,x\n" for number in range(40_000))
    (tmp_path / "labels.csv").write_text("path,label\n1.png,x\n" + rows)
    began = time.process_time()
    listing = list_folder(tmp_path)
    assert time.process_time() - began < 10  # in quadratic time, minutes
    assert len(listing.missing) == 40_000
    with pytest.raises(ImagesError, match=r"40,000 errors in labels\.csv") as refused:
        read_folder(tmp_path)
    assert len(str(refused.value)) < 100_000


def test_nothing_outside_of_a_folder_is_listed(tmp_path) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    (secret / "inner").mkdir(parents=True)
    (secret / "a.png").write_bytes(b"secret")
    folder.mkdir()
    (folder / "1.png").write_bytes(b"")
    (folder / "link.png").symlink_to(secret / "a.png")
    (folder / "linked").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    os.link(secret / "a.png", folder / "hard.png")
    table = folder / "labels.csv"
    table.symlink_to(secret / "labels.csv")
    (secret / "labels.csv").write_text("path,label\n1.png,x\n")
    listing = list_folder(folder)
    assert [entry.path for entry in listing.entries] == ["1.png", "hard.png"]
    assert listing.class_names == ()
    assert sorted(listing.links) == ["labels.csv", "link.png", "linked", "loop"]
