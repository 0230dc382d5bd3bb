"""Where another model looks at the images of a batch: what salient PatchDrop drops.

As `ipvit.analyses.saliency` for one image: last block, shape token where there is one, one head;
the saliency model sees the very region that the model under test sees.
"""

from ipvit.analyses.parameters import check_head, require_token
from ipvit.analyses.saliency import Saliency
from ipvit.attention.patches import patch_grid
from ipvit.experiments.experiment import Evaluation, ImageBatch
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import Preprocessing, matched

__all__ = ["measure_saliencies", "saliency_view"]

MODEL_FIELD, HEAD_FIELD = "params.saliency_model", "params.saliency_head"


def saliency_view(saliency: ModelSpec, head: int | None, target: ModelSpec) -> Preprocessing:
    """How the saliency model reads an image for `target`.

    Raises InvalidInput if it has no attention or no such head.
    """
    require_token(saliency, saliency.tokens[-1] if saliency.tokens else "", field=MODEL_FIELD)
    check_head(saliency, head, field=HEAD_FIELD)
    return matched(saliency.preprocessing, target.preprocessing)


def measure_saliencies(
    batch: ImageBatch, name: str, head: int | None, evaluation: Evaluation
) -> list[Saliency]:
    """Run the saliency model `name` once over the batch: one map an image.

    head: None is the model's `fixed_head`.
    """
    from torch import Tensor

    from ipvit.attention.capture import AttentionCapture

    subject = evaluation.subject_of(name)
    spec = subject.spec
    view = saliency_view(spec, head, evaluation.spec)
    layer, row = spec.depth - 1, spec.fixed_head if head is None else head

    def attend(pixels: Tensor) -> Tensor:
        with AttentionCapture(subject.module, layers=[layer], queries=(spec.tokens[-1],)) as seen:
            subject.module(pixels)
        return seen.maps[layer][:, row, 0]

    rows = subject.run(subject.to_device(batch.pixels(view)), attend)  # (n, tokens)
    maps = patch_grid(
        rows, prefix_tokens=spec.prefix_tokens, rows=spec.grid.rows, cols=spec.grid.cols
    )
    return [Saliency(spec, {view: weights}) for weights in maps]
