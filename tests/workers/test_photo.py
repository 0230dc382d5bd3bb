import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from ipvit.errors import ImageTooLarge, InvalidImage
from ipvit.images import ImageLimits, decode_image
from ipvit.preprocessing import Preprocessing, prepare
from tests.workers.probe import MEAN, STD, probe_spec
from workers import photo as photo_module
from workers.photo import Photo

SMALL = probe_spec("small")
LARGE = replace(probe_spec("large"), preprocessing=Preprocessing(20, 16, MEAN, STD))


def jpeg() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def test_each_model_gets_its_own_input() -> None:
    data = jpeg()
    photo = Photo(data, ImageLimits(), [SMALL, LARGE])
    for spec in (LARGE, SMALL):
        expected = prepare(decode_image(data).image, spec.preprocessing)
        assert_array_equal(photo.input(spec), expected[None])
    assert (photo.width, photo.height, photo.format) == (40, 30, "JPEG")


@pytest.mark.parametrize("data", [jpeg(), b"not a photo"], ids=["good", "broken"])
def test_it_is_decoded_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    decoded = []

    def count(*args: object, **kwargs: object) -> object:
        decoded.append(args)
        return decode_image(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(photo_module, "decode_image", count)
    photo = Photo(data, ImageLimits(), [SMALL, LARGE])
    assert not decoded
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(photo.input, spec) for spec in [SMALL, LARGE] * 8]
    assert len({type(future.exception()) for future in asked}) == 1
    assert len(decoded) == 1


def test_a_bad_photo_is_told_to_who_asks_for_it() -> None:
    with pytest.raises(InvalidImage) as broken:
        Photo(b"not a photo", ImageLimits(), [SMALL]).input(SMALL)
    assert broken.value.field == "image"
    with pytest.raises(ImageTooLarge):
        Photo(jpeg(), ImageLimits(max_pixels=100), [SMALL]).input(SMALL)
