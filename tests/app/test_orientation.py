"""A photo gives the same prediction in whichever of the eight EXIF orientations it is stored."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags, Image

from tests.pictures import encoded, photo

Transpose = Image.Transpose

STORED: dict[int, list[Transpose]] = {
    1: [],
    2: [Transpose.FLIP_LEFT_RIGHT],
    3: [Transpose.ROTATE_180],
    4: [Transpose.FLIP_TOP_BOTTOM],
    5: [Transpose.TRANSPOSE],
    6: [Transpose.ROTATE_90],
    7: [Transpose.TRANSVERSE],
    8: [Transpose.ROTATE_270],
}
"""How the pixels of an upright photo are turned so that each orientation undoes it."""


def stored(orientation: int, file_format: str) -> bytes:
    image = photo(96, 64)
    for turn in STORED[orientation]:
        image = image.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options: dict[str, Any] = {"exif": exif}
    if file_format == "WEBP":
        options["lossless"] = True
    if file_format == "JPEG":
        options |= {"quality": 100, "subsampling": 0}
    return encoded(image, file_format, **options)


def predict(client: TestClient, image: bytes) -> dict[str, Any]:
    answer = client.post("/predict", files={"image": image}, data={"model": "tiny", "top_k": "10"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["image"]["width"], body["image"]["height"]) == (96, 64)
    return {entry["label"]: entry["probability"] for entry in body["models"][0]["top"]}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "JPEG"])
def test_the_prediction_is_the_same(client: TestClient, orientation: int, file_format: str) -> None:
    upright = predict(client, stored(1, file_format))
    turned = predict(client, stored(orientation, file_format))
    # JPEG rounds its blocks differently in each direction.
    tolerance = 1e-3 if file_format == "JPEG" else 1e-6
    assert turned == pytest.approx(upright, rel=tolerance)
    assert len(set(turned.values())) == 10
