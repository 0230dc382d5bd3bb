import numpy as np
import pytest
import torch

from ipvit.analyses.forward import AnalysisContext
from ipvit.analyses.parameters import PredictParams
from ipvit.analyses.predict import predict
from ipvit.errors import WeightsUnavailable
from ipvit.images import DecodedImage
from ipvit.models.loading import build_model
from ipvit.preprocessing import prepare
from tests.analyses.conftest import SPECS, Recorded


def test_the_answer_is_the_softmax_of_the_network(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    answer = predict(photo, PredictParams(["pocket_deit"], top_k=3), context)
    spec = SPECS["pocket_deit"]
    pixels = prepare(photo.image, spec.preprocessing) / 255
    mean, std = (
        np.array(values)[:, None, None]
        for values in (spec.preprocessing.mean, spec.preprocessing.std)
    )
    x = torch.from_numpy((pixels - mean) / std).float()[None]
    with torch.inference_mode():
        shares, order = build_model(spec).eval()(x).softmax(-1).sort(descending=True)
    (model,) = answer["models"]
    assert [entry["index"] for entry in model["top"]] == order[0, :3].tolist()
    assert [entry["probability"] for entry in model["top"]] == pytest.approx(
        shares[0, :3].tolist(), rel=1e-4
    )
    assert answer["image"] == {"width": 60, "height": 40, "format": "PNG"}
    assert answer["elapsed_ms"] > 0


def test_each_model_says_how_it_was_run(photo: DecodedImage, context: AnalysisContext) -> None:
    answer = predict(photo, PredictParams(["pocket_cnn", "deit_t_patch22"]), context)
    first, second = answer["models"]
    assert first | {"top": None} == {
        "model": "pocket_cnn",
        "title": "Pocket CNN",
        "precision": "fp32",
        "protocol": SPECS["pocket_cnn"].preprocessing.describe(),
        "labels": "cifar10",
        "top": None,
    }
    assert second["labels"] == "imagenet"
    assert len(second["top"]) == 5


def test_every_class_can_be_asked_for(photo: DecodedImage, context: AnalysisContext) -> None:
    answer = predict(photo, PredictParams(["pocket_deit"], top_k=10), context)
    top = answer["models"][0]["top"]
    assert sorted(entry["index"] for entry in top) == list(range(10))
    assert sum(entry["probability"] for entry in top) == pytest.approx(1)
    assert [entry["probability"] for entry in top] == sorted(
        (entry["probability"] for entry in top), reverse=True
    )


def test_one_request_a_model(
    photo: DecodedImage, context: AnalysisContext, forward: Recorded
) -> None:
    predict(photo, PredictParams(["pocket_deit", "pocket_cnn"]), context)
    assert [request.images.shape for request in forward.requests] == [(1, 3, 32, 32)] * 2
    assert all(request.attention is None for request in forward.requests)


def test_a_model_that_is_not_here_says_how_to_get_it(
    photo: DecodedImage, context: AnalysisContext
) -> None:
    with pytest.raises(WeightsUnavailable, match="ipvit models pull deit_s"):
        predict(photo, PredictParams(["deit_s"]), context)
