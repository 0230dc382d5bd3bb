from typing import Any

from fastapi.testclient import TestClient
from PIL import Image

from app.schemas.answers import SegmentAnswer
from tests.pictures import encoded, photo_file


def segment(client: TestClient, truth: bytes | None = None, **data: Any) -> SegmentAnswer:
    files = {"image": photo_file(64, 48)} | ({"ground_truth": truth} if truth else {})
    answer = client.post("/segment", files=files, data={"model": "tiny"} | data)
    assert answer.status_code == 200, answer.text
    return SegmentAnswer.model_validate_json(answer.content, strict=True)


def test_each_head_has_its_mask(client: TestClient) -> None:
    answer = segment(client, threshold="0.5")
    (model,) = answer.models
    assert (answer.token, answer.threshold) == ("cls", 0.5)
    assert [head.head for head in model.heads] == [0, 1]
    assert all(0 < head.coverage < 1 and head.mask for head in model.heads)
    assert model.chosen.head == 0
    assert model.jaccard is None


def test_more_mass_covers_no_less(client: TestClient) -> None:
    less, more = (segment(client, threshold=t).models[0].heads[0].coverage for t in ("0.5", "0.95"))
    assert less <= more


def test_ground_truth_is_scored(client: TestClient) -> None:
    truth = Image.new("P", (64, 48))
    truth.putpalette([0, 0, 0, 255, 0, 0] + [9] * 750)
    truth.paste(1, (10, 10, 40, 40))
    (model,) = segment(client, truth=encoded(truth)).models
    assert model.jaccard is not None
    scores = [head.jaccard for head in model.heads]
    assert model.jaccard.best == max(score for score in scores if score is not None)
    assert model.jaccard.best_head == scores.index(model.jaccard.best)
    assert model.chosen.head == model.jaccard.best_head


def test_pictures_are_left_out_on_request(client: TestClient) -> None:
    (model,) = segment(client, include_images="false").models
    assert model.overlay is None
    assert all(head.mask is None for head in model.heads)


def test_the_composite_picture(client: TestClient) -> None:
    answer = client.post(
        "/segment",
        files={"image": photo_file()},
        data={"model": "tiny"},
        headers={"Accept": "image/png"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
