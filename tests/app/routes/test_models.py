from fastapi.testclient import TestClient

from app.schemas.service import ModelList
from ipvit.models.specs import MODELS
from tests.conftest import TINY_SPECS


def test_every_model_is_listed(client: TestClient) -> None:
    answer = ModelList.model_validate(client.get("/models").json())
    names = [model.name for model in answer.models]
    assert names == [*MODELS, *(spec.name for spec in TINY_SPECS)]
    assert answer.default
    assert answer.saliency_default == "tiny_shape"


def test_it_says_what_is_ready_and_how_to_get_the_rest(client: TestClient) -> None:
    models = {model["name"]: model for model in client.get("/models").json()["models"]}
    assert (models["tiny"]["ready"], models["tiny"]["loaded"]) == (True, True)
    assert models["tiny"]["pull"] is None
    assert (models["deit_s"]["ready"], models["deit_s"]["loaded"]) == (False, False)
    assert models["deit_s"]["pull"] == "ipvit models pull deit_s"
    assert models["tiny_shape"]["tokens"] == ["cls", "shape"]
    assert models["pocket_cnn"]["patch_px"] is None
