import io
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.schemas.answers import OccludeAnswer
from tests.pictures import encoded, photo, photo_file


def occlude(client: TestClient, mask: bytes | None = None, **data: Any) -> OccludeAnswer:
    files = {"image": photo_file(80, 60)} | ({"mask": mask} if mask else {})
    answer = client.post("/occlude", files=files, data={"model": "tiny"} | data)
    assert answer.status_code == 200, answer.text
    return OccludeAnswer.model_validate_json(answer.content, strict=True)


def test_every_ratio_and_seed_of_every_model(client: TestClient) -> None:
    answer = occlude(client, model=["tiny", "tiny_224"], ratio=["0", "0.3", "1"], seed=["7", "8"])
    assert (answer.mode, answer.offset_px, answer.saliency_model) == ("random", 0, None)
    assert [model.grid for model in answer.models] == ["4x4", "14x14"]
    for model, patches in zip(answer.models, (16, 196), strict=True):
        asked = [(result.ratio, result.seed) for result in model.results]
        assert asked == [(r, s) for r in (0, 0.3, 1) for s in (7, 8)]
        for result in model.results:
            assert result.ratio is not None
            assert result.dropped_patches == int(result.ratio * patches)
            assert result.information_loss == result.dropped_patches / patches
            assert result.image is not None
        clean, untouched = model.clean.top[0], model.results[0]
        assert untouched.prediction_kept
        assert untouched.clean_class_probability == pytest.approx(clean.probability, rel=1e-4)


def test_the_same_seed_gives_the_same_answer(client: TestClient) -> None:
    first, again = (occlude(client, seed="3").models[0].results for _ in range(2))
    assert first[0].image == again[0].image
    assert first[0].image != occlude(client, seed="4").models[0].results[0].image


def test_pictures_are_left_out_on_request(client: TestClient) -> None:
    (model,) = occlude(client, include_images="false").models
    assert model.results[0].image is None


def test_salient_and_non_salient_drop_all_patches_between_them(client: TestClient) -> None:
    dropped = 0
    for mode, ratio in (("salient", "0.25"), ("non_salient", "0.75")):
        answer = occlude(client, mode=mode, ratio=ratio)
        (result,) = answer.models[0].results
        assert answer.saliency_model == "tiny_shape"
        assert result.seed is None
        assert result.attention_mass is not None
        dropped += result.dropped_patches
    assert dropped == 16


def test_a_painted_mask_drops_what_it_covers(client: TestClient) -> None:
    mask = Image.new("L", (80, 60))
    mask.paste(255, (0, 0, 80, 30))
    (result,) = occlude(client, mask=encoded(mask), mode="custom").models[0].results
    assert (result.dropped_patches, result.ratio, result.seed) == (8, None, None)


def test_the_composite_picture_for_those_who_prefer_it(client: TestClient) -> None:
    answer = client.post(
        "/occlude",
        files={"image": encoded(photo())},
        data={"model": "tiny", "ratio": ["0.2", "0.4"]},
        headers={"Accept": "image/png"},
    )
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.format == "PNG"
    assert picture.width > 64
