import base64
import io

import numpy as np
import pytest
from PIL import Image

from ipvit.png import data_url, encode_png
from tests.pictures import photo


def reread(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png), formats=("PNG",))
    image.load()
    return image


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(64, 48), (1, 1), (1, 300), (767, 1)])
def test_a_written_picture_reads_back_the_same(mode: str, size: tuple[int, int]) -> None:
    picture = photo(*size).convert(mode)
    read = reread(encode_png(picture))
    assert read.mode == mode
    assert np.array_equal(np.asarray(read), np.asarray(picture))


def test_nothing_but_pixels_is_written() -> None:
    picture = photo()
    picture.info.update(
        icc_profile=b"profile", dpi=(300, 300), comment="who took it", exif=b"Exif\0\0where"
    )
    written = encode_png(picture)
    assert reread(written).info == {}
    assert written == encode_png(photo())


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16", "CMYK"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=f"expected an image of mode RGB or L, got {mode}"):
        encode_png(Image.new(mode, (2, 2)))


def test_a_data_url_holds_the_file() -> None:
    png = encode_png(photo())
    scheme, _, body = data_url(png).partition(",")
    assert scheme == "data:image/png;base64"
    assert base64.b64decode(body, validate=True) == png
