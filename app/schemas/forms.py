"""The forms: what a client sends. Ranges that depend on the model are checked by the analyses.

Every form refuses fields it does not have, so that a misspelt one is not silently ignored.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

MULTIPART = "multipart/form-data"

ModelNames = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(
        max_length=8,
        description="Models to ask, by name; repeat the field to compare up to 8. "
        "Default: the server's default models, see `GET /models`.",
        examples=[["pocket_deit", "pocket_cnn"]],
    ),
]
TopK = Annotated[
    int,
    Field(
        ge=1,
        le=1000,
        description="How many classes to list, likeliest first (1 to the model's classes).",
        examples=[5],
    ),
]
Seeds = Annotated[
    list[Annotated[int, Field(ge=0, lt=2**63)]],
    Field(
        min_length=1,
        max_length=50,
        description="Seeds of the random draw; repeat the field for several draws (up to 50). "
        "The same seed gives the same draw on every machine.",
        examples=[[0, 1, 2]],
    ),
]
IncludeImages = Annotated[
    bool, Field(description="Whether to send the pictures along, as PNG data URLs.")
]
Token = Annotated[
    Literal["cls", "shape"],
    Field(description="Whose attention is read: the class token's or the shape token's."),
]
GridText = Annotated[str, Field(max_length=20)]


class ImageForm(BaseModel):
    """What every call takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: UploadFile = Field(
        description="The image file: JPEG, PNG, WebP, BMP or GIF (first frame), told by content; "
        "at most 10 MB and 50 megapixels unless the server says otherwise."
    )
    model: ModelNames = Field(default_factory=list)


class PredictForm(ImageForm):
    """`POST /predict`."""

    top_k: TopK = 5


class OccludeForm(ImageForm):
    """`POST /occlude`."""

    mode: Literal["random", "salient", "non_salient", "custom"] = Field(
        "random",
        description="Which patches are dropped: drawn at random, those that hold most attention, "
        "those that hold least, or those painted in `mask`.",
    )
    ratio: list[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]] = Field(
        [0.5],
        min_length=1,
        max_length=100,
        description="Share of the patches that is dropped (0 to 1); in the salient modes, the "
        "share of the attention mass. Repeat the field for several (up to 100).",
        examples=[[0.2, 0.5, 0.8]],
    )
    grid: GridText | None = Field(
        None,
        description="The patches, as ROWSxCOLUMNS; must divide the model's input. Default: the "
        "model's own patches.",
        examples=["14x14"],
    )
    offset_px: int = Field(
        0,
        ge=0,
        le=1024,
        description="How far the mask is moved right and down (pixels of the model's input).",
    )
    seed: Seeds = Field([0])
    mask: UploadFile | None = Field(
        None,
        description="For `custom`: a PNG over the image; a patch is dropped where at least half "
        "of it is painted (not black).",
    )
    top_k: TopK = 5
    include_images: IncludeImages = True
    saliency_model: str | None = Field(
        None,
        max_length=200,
        description="Model whose attention ranks the patches in the salient modes. Default: "
        "`saliency_default` of `GET /models`.",
    )
    saliency_head: int | None = Field(
        None,
        ge=0,
        le=255,
        description="Attention head of the saliency model, from 0. Default: the model's own.",
    )


class ShuffleForm(ImageForm):
    """`POST /shuffle`."""

    grid: list[GridText] = Field(
        default_factory=list,
        max_length=100,
        description="The cells that are permuted, as ROWSxCOLUMNS; repeat the field for several. "
        "Default: the model's own patches.",
        examples=[["2x2", "4x4"]],
    )
    seed: Seeds = Field([0])
    top_k: TopK = 5
    include_images: IncludeImages = True


class AttentionForm(ImageForm):
    """`POST /attention`."""

    layer: list[Annotated[int, Field(ge=-256, le=255)]] = Field(
        [-1],
        min_length=1,
        max_length=64,
        description="Blocks to look at, from 0; −1 is the last. Repeat the field for several.",
        examples=[[-1]],
    )
    head: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        default_factory=list,
        max_length=64,
        description="Attention heads, from 0; repeat the field for several. Default: all.",
        examples=[[0, 1]],
    )
    token: Token = "cls"
    method: Literal["raw", "rollout"] = Field(
        "raw",
        description="`raw`: a block's own attention; `rollout`: multiplied through the blocks "
        "(Abnar & Zuidema 2020).",
    )


class SegmentForm(ImageForm):
    """`POST /segment`."""

    token: Token = "cls"
    threshold: float = Field(
        0.9,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the attention mass that the foreground holds (above 0, to 1).",
    )
    ground_truth: UploadFile | None = Field(
        None,
        description="A PNG in PASCAL VOC's encoding (0 background, 255 void, else object class), "
        "of the image's size; the answer then holds Jaccard indices.",
    )
    include_images: IncludeImages = True


FORMS: Mapping[str, type[ImageForm]] = MappingProxyType(
    {
        "/predict": PredictForm,
        "/occlude": OccludeForm,
        "/shuffle": ShuffleForm,
        "/attention": AttentionForm,
        "/segment": SegmentForm,
    }
)
