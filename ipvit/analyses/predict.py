"""What each model takes the image for."""

import time
from collections.abc import Sequence

from ipvit.analyses.answers import (
    Answer,
    Measured,
    answer_head,
    model_head,
    probabilities,
    top_classes,
)
from ipvit.analyses.forward import AnalysisContext, ForwardRequest, ForwardResult
from ipvit.analyses.parameters import PredictParams
from ipvit.images import DecodedImage
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import prepare

__all__ = ["answer", "predict"]


def predict(image: DecodedImage, params: PredictParams, context: AnalysisContext) -> Answer:
    """The likeliest classes of the image for each model, all models side by side.

    Returns the answer of `POST /predict`. Raises InvalidInput for parameters that do not fit the
    models, and what `AnalysisContext.spec` and the forward pass raise.
    """
    started_s = time.perf_counter()
    params.validate(context.specs)
    specs = [context.spec(name) for name in params.models]
    submitted = [
        context.forward.submit(
            ForwardRequest(spec.name, prepare(image.image, spec.preprocessing)[None])
        )
        for spec in specs
    ]
    results = [future.result() for future in submitted]
    return answer(image, params, specs, results, started_s)


def answer(
    image: Measured,
    params: PredictParams,
    specs: Sequence[ModelSpec],
    results: Sequence[ForwardResult],
    started_s: float,
) -> Answer:
    """The answer of `POST /predict` from the models' results, for the one image each.

    started_s: `time.perf_counter()` at the start.
    """
    models = []
    for spec, result in zip(specs, results, strict=True):
        (top,) = top_classes(spec, probabilities(result.logits), params.top_k)
        models.append({**model_head(spec, result.precision), "top": top})
    return {**answer_head(image, started_s), "models": models}
