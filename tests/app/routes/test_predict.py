import pytest
from fastapi.testclient import TestClient

from app.schemas.answers import PredictAnswer
from tests.pictures import photo_file


def test_predict_answers_each_model(client: TestClient) -> None:
    answer = client.post(
        "/predict",
        files={"image": photo_file(80, 60)},
        data={"model": ["tiny", "tiny_shape"], "top_k": "3"},
    )
    assert answer.status_code == 200, answer.text
    prediction = PredictAnswer.model_validate_json(answer.content, strict=True)
    assert [model.model for model in prediction.models] == ["tiny", "tiny_shape"]
    assert (prediction.image.width, prediction.image.height) == (80, 60)
    for model in prediction.models:
        probabilities = [entry.probability for entry in model.top]
        assert len(probabilities) == 3
        assert probabilities == sorted(probabilities, reverse=True)


def test_the_default_model_answers_when_none_is_named(client: TestClient) -> None:
    default = client.get("/models").json()["default"]
    answer = client.post("/predict", files={"image": photo_file()}).json()
    assert [model["model"] for model in answer["models"]] == default


def test_all_classes_sum_to_one(client: TestClient) -> None:
    answer = client.post(
        "/predict", files={"image": photo_file()}, data={"model": "tiny", "top_k": "10"}
    ).json()
    top = answer["models"][0]["top"]
    assert sum(entry["probability"] for entry in top) == pytest.approx(1)
    assert {entry["index"] for entry in top} == set(range(10))
