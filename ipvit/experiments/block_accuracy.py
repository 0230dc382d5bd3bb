"""Accuracy of each block's class token (Naseer et al. 2021, §3.5, Fig. 15).

The class token that leaves a block goes through the network's own final norm and head, as if the
block were the last. One forward pass an image serves all blocks.

A shape token is read by the head it was trained with. In a network of two heads each token stands
for itself, as in the paper's Table 3, so the last block's figure is not that of the network, which
averages both heads. Blocks count from 0, as everywhere; the paper's figure counts from 1.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

import numpy as np
from pydantic import AfterValidator, Field

from ipvit.errors import InvalidInput
from ipvit.experiments.accuracy import needs_classifier
from ipvit.experiments.experiment import (
    Arrays,
    Condition,
    Evaluation,
    Experiment,
    ExperimentParams,
    ImageBatch,
    Partial,
    Plot,
    Row,
)
from ipvit.experiments.grid_choice import check_each_once
from ipvit.experiments.statistics import accuracy_row
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle

__all__ = ["SPEC", "BlockAccuracyParams", "BlockTokens"]

HEADS = {"cls": "head", "shape": "head_dist"}


class BlockAccuracyParams(ExperimentParams):
    """Which blocks and tokens."""

    blocks: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None,
        min_length=1,
        description="Blocks, counted from 0, of which a model is tested at those it has; unset: "
        "all of them.",
    )
    tokens: Annotated[tuple[Literal["cls", "shape"], ...], AfterValidator(check_each_once)] = Field(
        ("cls", "shape"),
        min_length=1,
        description="Tokens that classify; a model is tested with those it has.",
    )


def supports(spec: ModelSpec) -> str | None:
    """None for vision transformers with a class token and a classifier."""
    return needs_classifier(spec) if spec.has_attention else "it has no class token in each block"


def _chosen(params: BlockAccuracyParams, spec: ModelSpec) -> list[tuple[int, str]]:
    """(block, token) of each condition.

    Raises InvalidInput (field "params.blocks" or "params.tokens") if the model has none of them.
    """
    every = tuple(range(spec.depth))
    blocks = [block for block in params.blocks or every if block < spec.depth]
    tokens = [token for token in params.tokens if token in spec.tokens]
    if not blocks:
        raise InvalidInput(
            f"expected a block from 0 to {spec.depth - 1} of {spec.name}, got "
            f"{list(params.blocks or ())}",
            field="params.blocks",
        )
    if not tokens:
        raise InvalidInput(
            f"expected a token of {spec.name}, {', '.join(spec.tokens)}, got "
            f"{', '.join(params.tokens)}",
            field="params.tokens",
        )
    return [(block, token) for token in dict.fromkeys(tokens) for block in dict.fromkeys(blocks)]


def conditions(params: BlockAccuracyParams, spec: ModelSpec) -> list[Condition]:
    """Every token at every block."""
    return [
        Condition(f"{token}/{block}", {"block": block, "token": token})
        for block, token in _chosen(params, spec)
    ]


def forwards(_params: BlockAccuracyParams, _spec: ModelSpec) -> int:
    """One for all blocks."""
    return 1


def preprocessings(
    _params: BlockAccuracyParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> tuple[Preprocessing, ...]:
    """The model's own input."""
    return (spec.preprocessing,)


class BlockTokens:
    """Context manager that keeps the prefix tokens which leave each block of a transformer.

    tokens: after a forward pass, one (B, prefix, C) for each block from the first on. Another
    forward pass replaces them. Hooks are removed on exit; what the network computes is unchanged.
    """

    def __init__(self, model: "nn.Module") -> None:
        self._model: Any = model
        self._handles: list[RemovableHandle] = []
        self._seen: dict[int, Tensor] = {}

    @property
    def tokens(self) -> "list[Tensor]":
        """One for each block."""
        return [self._seen[block] for block in range(len(self._seen))]

    def __enter__(self) -> Self:
        for index, block in enumerate(self._model.blocks):
            self._handles.append(block.register_forward_hook(self._hook(index)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _hook(self, index: int) -> Any:
        def see(_module: Any, _inputs: Any, tokens: "Tensor") -> None:
            self._seen[index] = tokens[:, : self._model.num_prefix_tokens]

        return see


def _check_reads_class_token(module: Any) -> None:
    pooling = getattr(module, "global_pool", "token")
    if pooling != "token":
        raise InvalidInput(
            f"expected a network whose head reads the class token, got one that pools by {pooling}",
            field="models",
        )


def evaluate(batch: ImageBatch, params: BlockAccuracyParams, evaluation: Evaluation) -> Partial:
    """Right answers of each condition."""
    import torch

    subject, spec = evaluation.subject, evaluation.spec
    module = cast(Any, subject.module)
    _check_reads_class_token(module)
    chosen = _chosen(params, spec)

    def classify(images: "Tensor") -> "Tensor":
        """The class each condition predicts, (B, conditions)."""
        with BlockTokens(module) as seen:
            module(images)
        normed = [module.fc_norm(module.norm(tokens)) for tokens in seen.tokens]
        return torch.stack(
            [
                getattr(module, HEADS[token])(normed[block][:, spec.tokens.index(token)]).argmax(-1)
                for block, token in chosen
            ],
            dim=1,
        )

    images = subject.to_device(batch.pixels(spec.preprocessing))
    predicted = subject.run(images, classify)  # class indices, exact in float32
    correct = np.count_nonzero(predicted == batch.labels[:, None], axis=0)
    return Partial(len(batch.paths), {"correct": correct.astype(np.int64)})


def rows(sums: Arrays, images: int, params: BlockAccuracyParams, spec: ModelSpec) -> Sequence[Row]:
    """Top-1 accuracy of each condition."""
    return [
        accuracy_row(condition.values, "top1", sums["correct"][index, None], images)
        for index, condition in enumerate(conditions(params, spec))
    ]


SPEC = Experiment(
    name="block-accuracy",
    title="Accuracy of each block",
    paper="Naseer et al. 2021, §3.5, Fig. 15",
    summary="The class token is taken after every block and classified by the network's own final "
    "norm and head. So one sees how early the answer is there.",
    look_for="The token says little in the first half of the network and nearly all in the last "
    "blocks: in the paper the last four are best. Compare the shape token, where there is one.",
    parameters=BlockAccuracyParams,
    needs=frozenset({"labels"}),
    metrics={
        "top1": "Top-1 accuracy of the token's own head: share of images whose label is the "
        "likeliest class (%)."
    },
    plot=Plot(
        kind="line",
        x="block",
        x_label="block (from 0)",
        y_label="top-1 accuracy (%)",
        metric="top1",
        series=("token",),
    ),
    supports=supports,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
