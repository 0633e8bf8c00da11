"""Pictures as they come: damaged ones are named, every mode becomes RGB, and each stands upright."""

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from bench.data.sources.decode import read_pictures
from bench.errors import BadImage, InputError


def decode(source: Path | bytes, image_size: int = 8) -> NDArray[np.uint8]:
    return read_pictures(1, lambda _: source, image_size, lambda index: f"picture {index}")[0]


def encode(picture: Image.Image, form: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **settings)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """Write a PNG chunk by chunk."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), (b"IDAT", zlib.compress(rows))]
    written = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
WHOLE = {form: encode(NOISE, form) for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM")}


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"not an image", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_named(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"picture 0: not a readable image \(.*\); replace or remove it"):
        decode(content)
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match="not a readable image"):
        decode(tmp_path / "x.png")


def test_the_reason_is_said_in_words_that_stay_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    for source in (b"", tmp_path / "x.png"):
        with pytest.raises(BadImage, match=r"picture 0: not a readable image \(it is empty\); replace or remove it"):
            decode(source)
    with pytest.raises(BadImage, match=r"\(its bytes are of no known format; known are BMP"):
        decode(b"not an image")


@pytest.mark.parametrize("form", WHOLE)
def test_a_truncated_image_is_named(form: str) -> None:
    decode(WHOLE[form])
    with pytest.raises(InputError, match="picture 0: not a readable image"):
        decode(WHOLE[form][: len(WHOLE[form]) // 2])


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6))
def test_whatever_the_bytes_there_is_an_image_or_a_named_error(form: str, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(WHOLE[form])
    for place, value in changes:
        damaged[place % len(damaged)] = value
    with suppress(InputError):
        assert decode(bytes(damaged)).shape == (3, 8, 8)


@pytest.mark.parametrize("side", [9_500, 14_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    """Whether Pillow warns, as of the first, or raises, as of the second."""
    bomb = png(side, side, 1, 0, bytes((side // 8 + 1) * side))
    assert len(bomb) < 50_000
    with pytest.raises(InputError, match=r"picture 0: not a readable image \(.*pixels"):
        decode(bomb)


def test_sixteen_bits_keep_their_upper_eight() -> None:
    values = [0x0000, 0x3FFF, 0x80AB, 0xFFFF]
    row = b"\0" + b"".join(struct.pack(">H", value) for value in values)
    grey = decode(png(4, 4, 16, 0, row * 4), 4)
    assert grey[0, 0].tolist() == [0x00, 0x3F, 0x80, 0xFF]
    assert (grey == grey[:1]).all()
    row = b"\0" + b"".join(struct.pack(">HHH", value, 0x1234, 0xFEDC) for value in values)
    colour = decode(png(4, 4, 16, 2, row * 4), 4)
    assert colour[:, 0].tolist() == [[0x00, 0x3F, 0x80, 0xFF], [0x12] * 4, [0xFE] * 4]


def test_alpha_is_dropped_and_palettes_are_looked_up() -> None:
    red = Image.new("RGBA", (8, 8), (200, 30, 10, 0))
    assert decode(encode(red))[:, 0, 0].tolist() == [200, 30, 10]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 30, 10])
    for transparency in (1, bytes([255, 100])):
        assert decode(encode(palette, transparency=transparency))[:, 4, 4].tolist() == [200, 30, 10]
    assert decode(encode(Image.new("LA", (8, 8), (77, 0))))[:, 0, 0].tolist() == [77, 77, 77]


def test_ink_becomes_light() -> None:
    cyan = decode(encode(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=100))
    assert (np.abs(cyan[:, 4, 4].astype(int) - [0, 255, 255]) < 12).all()


def test_a_picture_is_cut_to_its_central_square() -> None:
    pixels = np.zeros((8, 16, 3), dtype=np.uint8)
    pixels[:, 4:8] = 255
    centre = decode(encode(Image.fromarray(pixels)))[0]
    assert (centre[:, :4] == 255).all()
    assert (centre[:, 4:] == 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright(orientation: int) -> None:
    """The picture that a camera meant, saved as that camera would, comes back the same."""
    upright = np.zeros((8, 8, 3), dtype=np.uint8)
    upright[:4, :4, 0], upright[:4, 4:, 1], upright[4:, :4, 2] = 255, 255, 255
    turns = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(np.ascontiguousarray(turns[orientation])), exif=exif)
    assert np.array_equal(decode(content), upright.transpose(2, 0, 1))


def grey(values: NDArray[np.generic], form: str = "TIFF") -> int | str:
    """Return the decoded value of the middle of a grey picture, or the reason of its refusal."""
    try:
        return int(decode(encode(Image.fromarray(values), form), image_size=len(values))[0, 0, 0])
    except BadImage as error:
        return str(error)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (np.uint16, (32_768, 65_535), 128),
        (np.uint16, (0, 0), 0),
        (np.uint16, (7, 255), "its values are below 4,096, so fewer than 13 of its 16 bits are used"),
        (np.uint16, (7, 4_095), "its values are below 4,096, so fewer"),
        (np.int32, (32_768, 65_535), 128),
        (np.int32, (7, 255), "its values are below 4,096"),
        (np.int32, (7, 70_000), "its values are from 7 to 70,000; scale them to 8 or 16 bits"),
        (np.int32, (-7, 7_000), "its values are from -7 to 7,000"),
        (np.float32, (0.5, 1.0), 128),
        (np.float32, (100.7, 255.0), 100),
        (np.float32, (0.5, 256.0), "its values are from 0.5 to 256; scale them to 0 to 1"),
        (np.float32, (-0.5, 1.0), "its values are from -0.5 to 1"),
        (np.float32, (np.nan, 1.0), "its values are from nan"),
        (np.float32, (np.inf, 1.0), "to inf"),
    ],
)
def test_the_range_of_the_values_decides_what_is_white(
    kind: type[np.generic], values: tuple[float, float], expected: int | str
) -> None:
    result = grey(np.tile(np.array(values, kind).repeat(4), (8, 1)))
    assert result == expected if isinstance(expected, int) else expected in str(result)


COLOURS = {2: 3, 4: 2, 6: 4}
"""PNG's number of a kind of colour -> its channels."""


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("values", "expected"), [((7, 255), None), ((7, 4_095), None), ((0, 0), 0), ((0, 4_096), 16)])
def test_colours_of_sixteen_bits_follow_the_rule_for_grey(
    colour: int, values: tuple[int, int], expected: int | None
) -> None:
    """Whatever alpha is, which is dropped."""
    alpha = (struct.pack(">H", 65_535),) * (colour in (4, 6))
    pixels = [b"".join((struct.pack(">H", value),) * (COLOURS[colour] - len(alpha)) + alpha) for value in values]
    content = png(2, 2, 16, colour, (b"\0" + b"".join(pixels)) * 2)
    if expected is None:
        with pytest.raises(BadImage, match=r"its values are below 4,096, so fewer than 13"):
            decode(content, 2)
    else:
        assert decode(content, 2).max() == expected


def tiff(values: NDArray[np.uint16], order: str, **tags: int) -> bytes:
    """Write a TIFF (height, width, channels) without compression, with further tags by number."""
    height, width, channels = values.shape
    sizes = {"256": width, "257": height, "259": 1, "262": 2, "277": channels, "278": height, "284": 1}
    count = channels if tags.get("284") == 2 else 1
    lists = {int(number): [value] for number, value in (sizes | tags).items()} | {258: [16] * channels}
    first = 8 + 2 + 12 * (len(lists) + 2) + 4
    data = np.ascontiguousarray(np.moveaxis(values, 2, 0) if count > 1 else values)
    part, begin = values.nbytes // count, first + 100
    lists |= {273: [begin + part * index for index in range(count)], 279: [part] * count}
    rows, extra = b"", b""
    for number, entries in sorted(lists.items()):
        packed = struct.pack(f"{order}{len(entries)}{'I' if number in (273, 279) else 'H'}", *entries)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place, extra = struct.pack(f"{order}I", first + len(extra)), extra + packed
        rows += struct.pack(f"{order}HHI", number, 4 if number in (273, 279) else 3, len(entries)) + place
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(lists))
    return header + rows + bytes(4) + extra.ljust(100, b"\0") + data.astype(f"{order}u2").tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiffs_of_sixteen_bits_follow_the_rule_too(order: str) -> None:
    values = np.random.default_rng(0).integers(0, 65_536, (8, 8, 3), dtype=np.uint16)
    assert np.array_equal(decode(tiff(values, order)), (values >> 8).transpose(2, 0, 1))
    assert decode(tiff(values * 0, order)).max() == 0
    for wrong, said in (
        (tiff(values % 256, order), "its values are below 4,096"),
        (tiff(values, order, **{"284": 2}), "lie one after the other"),
        (tiff(values[:, :, :1], "<", **{"262": 0}), "its white is 0"),
    ):
        with pytest.raises(BadImage, match=said):
            decode(wrong)


def test_a_pgm_says_itself_which_value_is_white() -> None:
    assert decode(b"P5 2 2 1023\n" + (512).to_bytes(2, "big") * 4, image_size=2).max() == 128
    assert decode(b"P5 2 2 65535\n" + (2_000).to_bytes(2, "big") * 4, image_size=2).max() == 7


def test_what_is_no_picture_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.check_call", lambda *_: pytest.fail("a program was started"))
    monkeypatch.setattr("subprocess.Popen", lambda *_: pytest.fail("a program was started"))
    (tmp_path / "z.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    for content in (tmp_path / "z.png", encode(NOISE, "JPEG2000"), encode(NOISE, "EPS"), encode(NOISE, "PCX")):
        with pytest.raises(BadImage, match=r"of no known format; known are BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP"):
            decode(content)


def test_a_picture_of_a_phone_with_several_frames_is_a_jpeg() -> None:
    content = encode(NOISE, "MPO", save_all=True, append_images=[NOISE])
    assert np.array_equal(decode(content, 40), decode(encode(NOISE, "JPEG"), 40))
