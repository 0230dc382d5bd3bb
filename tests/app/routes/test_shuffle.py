from fastapi.testclient import TestClient

from app.schemas.answers import ShuffleAnswer
from tests.pictures import photo_file


def test_every_grid_and_seed(client: TestClient) -> None:
    answer = client.post(
        "/shuffle",
        files={"image": photo_file()},
        data={"model": "tiny", "grid": ["1x1", "2x4"], "seed": ["0", "1"]},
    )
    assert answer.status_code == 200, answer.text
    (model,) = ShuffleAnswer.model_validate_json(answer.content, strict=True).models
    assert [(result.grid, result.seed, result.cells) for result in model.results] == [
        ("1x1", 0, 1),
        ("1x1", 1, 1),
        ("2x4", 0, 8),
        ("2x4", 1, 8),
    ]
    assert model.results[0].prediction_kept
    assert model.results[2].image != model.results[3].image


def test_the_own_patches_are_the_default(client: TestClient) -> None:
    answer = client.post("/shuffle", files={"image": photo_file()}, data={"model": "tiny"})
    assert [result["grid"] for result in answer.json()["models"][0]["results"]] == ["4x4"]


def test_the_composite_picture(client: TestClient) -> None:
    answer = client.post(
        "/shuffle",
        files={"image": photo_file()},
        data={"model": "tiny"},
        headers={"Accept": "image/png"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
