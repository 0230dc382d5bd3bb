"""What the server tells about itself, and the shape of its errors."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelFacts(BaseModel):
    """One model this server knows."""

    name: str = Field(description="Its name in the `model` field.")
    title: str = Field(description="Its name for people.")
    architecture: str = Field(description="Its architecture.", examples=["timm:vit_tiny"])
    family: str = Field(description="Which kind of model it is.")
    input_px: int = Field(description="Side of its square input (pixels).")
    patch_px: int | None = Field(description="Side of a patch (pixels); null without patches.")
    grid: str = Field(description="Its patches, ROWSxCOLUMNS; the default grid of a call.")
    depth: int = Field(description="Blocks; 0 where there is no global attention.")
    heads: int = Field(description="Attention heads of a block.")
    tokens: list[str] = Field(description="Tokens whose attention can be read.")
    prefix_tokens: int = Field(description="Tokens before the patches.")
    num_classes: int = Field(description="Classes of its head; 0 without one.")
    labels: str | None = Field(description="Set of class names.")
    preprocessing: str = Field(description="How an image becomes its input.")
    resize_px: int = Field(description="Length its image's shorter side is resized to (pixels).")
    crop_px: int = Field(description="Side of the square cut from the middle (pixels).")
    squash: bool = Field(description="Whether both sides are resized to resize_px instead.")
    paper: str = Field(description="Where it comes from.")
    note: str = Field(description="What is special about it.")
    licence: str = Field(description="Licence of its weights.")
    ready: bool = Field(description="Whether its weights are on this machine.")
    loaded: bool = Field(description="Whether it is in memory.")
    pull: str | None = Field(
        description="Command that fetches its weights; null if none is needed."
    )
    card: dict[str, Any] | None = Field(description="Training record of a shipped model.")


class ModelList(BaseModel):
    """`GET /models`."""

    default: list[str] = Field(description="Models asked when a request names none.")
    saliency_default: str | None = Field(
        description="Model that ranks patches in the salient modes when a request names none."
    )
    models: list[ModelFacts]


class Alive(BaseModel):
    """`GET /healthz`."""

    status: Literal["ok"]
    version: str = Field(description="Version of this server.")


class Ready(BaseModel):
    """`GET /readyz`."""

    status: Literal["ready"]
    models: list[str] = Field(description="Models loaded and warmed.")
    detail: str = Field(description="What is loaded, or which workers are there.")


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Page about this code.", examples=["/problems/invalid_input"])
    title: str = Field(description="What the code means, in a few words.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What was expected and what came.")
    code: str = Field(description="Stable name of this kind of error.")
    field: str | None = Field(None, description="The form field at fault, if it is one.")
    matches: list[str] | None = Field(None, description="Names close to an unknown one.")
    instance: str | None = Field(None, description="Id of the log entry of a server's failure.")
