from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.schemas.answers import AttentionAnswer
from tests.pictures import photo_file


def attend(client: TestClient, **data: Any) -> AttentionAnswer:
    answer = client.post("/attention", files={"image": photo_file()}, data=data)
    assert answer.status_code == 200, answer.text
    return AttentionAnswer.model_validate_json(answer.content, strict=True)


def test_all_heads_of_the_last_block_are_the_default(client: TestClient) -> None:
    (model,) = attend(client, model="tiny").models
    assert [(entry.layer, entry.head) for entry in model.maps] == [(1, 0), (1, 1)]
    assert (model.layers, model.heads, model.grid) == (2, 2, "4x4")
    for entry in model.maps:
        assert len(entry.weights) == 4
        assert sum(map(sum, entry.weights)) == pytest.approx(1)
        assert 0 < entry.patch_mass < 1


def test_layers_and_heads_can_be_chosen(client: TestClient) -> None:
    (model,) = attend(client, model="tiny", layer=["0", "-1"], head="1").models
    assert [(entry.layer, entry.head) for entry in model.maps] == [(0, 1), (1, 1)]


def test_the_shape_token_looks_elsewhere(client: TestClient) -> None:
    cls, shape = (
        attend(client, model="tiny_shape", token=token).models[0].maps for token in ("cls", "shape")
    )
    assert cls[0].weights != shape[0].weights


def test_a_rollout_has_no_head(client: TestClient) -> None:
    (model,) = attend(client, model="tiny", method="rollout", layer=["0", "1"]).models
    assert [(entry.layer, entry.head) for entry in model.maps] == [(0, None), (1, None)]


def test_the_composite_picture(client: TestClient) -> None:
    answer = client.post(
        "/attention",
        files={"image": photo_file()},
        data={"model": "tiny"},
        headers={"Accept": "image/png"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
