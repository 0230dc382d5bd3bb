"""The answers: what a client gets. They document; the analyses build them.

Probabilities and shares are from 0 to 1, lengths are in pixels, times in milliseconds, pictures
are PNG data URLs.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PNG_DATA_URL = r"^data:image/png;base64,"


class Answer(BaseModel):
    """What every part of an answer keeps to: no field that is not described."""

    model_config = ConfigDict(extra="forbid")


class ImageFacts(Answer):
    """The image as it was read."""

    width: int = Field(description="Width after EXIF orientation (pixels).")
    height: int = Field(description="Height after EXIF orientation (pixels).")
    format: str = Field(description="Format told by the content.", examples=["JPEG"])


class ClassProbability(Answer):
    """One class of a prediction."""

    index: int = Field(description="Class index of the model's output, from 0.")
    label: str = Field(description="Name of the class.")
    probability: float = Field(ge=0, le=1.000001, description="Softmax probability (0 to 1).")


class Prediction(Answer):
    """The likeliest classes, likeliest first."""

    top: list[ClassProbability]


class ModelHead(Answer):
    """Which model answered, and how it was run."""

    model: str = Field(description="Name of the model, as in `GET /models`.")
    title: str = Field(description="Name for people.")
    precision: Literal["fp32", "bf16"] = Field(description="Arithmetic of the forward pass.")
    protocol: str = Field(description="How the image was resized, cropped and normalised.")
    labels: str | None = Field(description="Set of class names; null for a model without a head.")


class AnswerHead(Answer):
    """What every answer begins with."""

    image: ImageFacts
    elapsed_ms: float = Field(ge=0, description="Time spent on the analysis (milliseconds).")


class PredictedModel(ModelHead, Prediction):
    """One model's prediction."""


class PredictAnswer(AnswerHead):
    """`POST /predict`."""

    models: list[PredictedModel]


class Variant(Prediction):
    """The prediction for one changed image, against the clean one."""

    clean_class_probability: float = Field(
        description="Probability of the class that won on the clean image (0 to 1)."
    )
    prediction_kept: bool = Field(description="Whether that class still wins.")
    image: str | None = Field(
        None, pattern=PNG_DATA_URL, description="The changed image; absent unless asked for."
    )


class OccludedVariant(Variant):
    """One mask's outcome."""

    ratio: float | None = Field(
        description="Share asked to be dropped (0 to 1); null for a custom mask."
    )
    seed: int | None = Field(description="Seed of the draw; null where nothing is drawn.")
    dropped_patches: int = Field(ge=0, description="Patches dropped.")
    patches: int = Field(ge=1, description="Patches in the grid.")
    information_loss: float = Field(
        ge=0, le=1, description="dropped_patches / patches, whatever the mode (0 to 1)."
    )
    attention_mass: float | None = Field(
        description="Share of the saliency model's attention mass that was dropped (0 to 1); "
        "null outside of the salient modes."
    )


class OccludedModel(ModelHead):
    """One model under all masks."""

    grid: str = Field(description="Patches that were dropped from, ROWSxCOLUMNS.")
    clean: Prediction = Field(description="The prediction for the image as it is.")
    results: list[OccludedVariant] = Field(description="Ratios in the order asked, seeds inside.")


class OccludeAnswer(AnswerHead):
    """`POST /occlude`."""

    mode: Literal["random", "salient", "non_salient", "custom"]
    offset_px: int = Field(description="Shift of the mask, right and down (model input pixels).")
    saliency_model: str | None = Field(description="Whose attention ranked the patches, if any.")
    models: list[OccludedModel]


class ShuffledVariant(Variant):
    """One permutation's outcome."""

    grid: str = Field(description="Cells that were permuted, ROWSxCOLUMNS.")
    seed: int = Field(description="Seed of the permutation.")
    cells: int = Field(ge=1, description="Number of cells.")


class ShuffledModel(ModelHead):
    """One model under all permutations."""

    clean: Prediction = Field(description="The prediction for the image as it is.")
    results: list[ShuffledVariant] = Field(description="Grids in the order asked, seeds inside.")


class ShuffleAnswer(AnswerHead):
    """`POST /shuffle`."""

    models: list[ShuffledModel]


class AttentionMap(Answer):
    """Where one head of one block looks."""

    layer: int = Field(ge=0, description="Block, from 0.")
    head: int | None = Field(description="Attention head, from 0; null for a rollout.")
    weights: list[list[float]] = Field(
        description="Attention to each patch, rows of the grid; sums to 1."
    )
    patch_mass: float = Field(
        description="Share of the attention that went to patches before `weights` was made to "
        "sum to 1; the rest went to the tokens before them (0 to 1)."
    )
    overlay: str = Field(pattern=PNG_DATA_URL, description="Heatmap over the image.")


class AttendingModel(ModelHead):
    """One model's maps."""

    grid: str = Field(description="Patches, ROWSxCOLUMNS.")
    layers: int = Field(description="Blocks of the model.")
    heads: int = Field(description="Attention heads of each block.")
    original: str = Field(pattern=PNG_DATA_URL, description="The image at display size.")
    maps: list[AttentionMap]


class AttentionAnswer(AnswerHead):
    """`POST /attention`."""

    method: Literal["raw", "rollout"]
    token: Literal["cls", "shape"]
    models: list[AttendingModel]


class HeadMask(Answer):
    """One attention head's segmentation."""

    head: int = Field(ge=0, description="Attention head of the last block, from 0.")
    coverage: float = Field(ge=0, le=1, description="Share of the patches that is foreground.")
    mask: str | None = Field(
        None, pattern=PNG_DATA_URL, description="White foreground on black; absent unless asked."
    )
    jaccard: float | None = Field(
        description="Mean Jaccard index over the objects; null without ground truth."
    )


class ChosenHead(Answer):
    """The head whose mask is shown."""

    head: int = Field(ge=0, description="Attention head, from 0.")
    why: str = Field(description="How it was chosen.")


class JaccardScores(Answer):
    """Agreement with the ground truth; void pixels do not count."""

    best_head: int = Field(description="The head that agrees best, told by the ground truth.")
    best: float = Field(ge=0, le=1, description="Its mean Jaccard index.")
    fixed_head: int = Field(description="The model's fixed head, told by no ground truth.")
    fixed: float = Field(ge=0, le=1, description="Its mean Jaccard index.")


class SegmentedModel(ModelHead):
    """One model's segmentations."""

    grid: str = Field(description="Patches, ROWSxCOLUMNS.")
    heads: list[HeadMask]
    chosen: ChosenHead
    overlay: str | None = Field(
        None, pattern=PNG_DATA_URL, description="The chosen mask with its contour."
    )
    jaccard: JaccardScores | None = Field(description="Null without ground truth.")


class SegmentAnswer(AnswerHead):
    """`POST /segment`."""

    token: Literal["cls", "shape"]
    threshold: float = Field(description="Share of attention mass that is foreground (0 to 1).")
    models: list[SegmentedModel]
