"""What there is to know about a model before it is built; no torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ipvit.grid import Grid
from ipvit.preprocessing import Preprocessing

__all__ = ["Family", "ModelSpec", "WeightsSource"]

Family = Literal[
    "vit", "deit", "sin", "dino", "no-pos", "patch-size", "cnn", "swin", "pocket", "custom"
]


@dataclass(frozen=True)
class WeightsSource:
    """Where a model's weights come from.

    source: "packaged" (shipped with this project as `file`), "url" (fetched once from `url`),
        "file" (the user's own, at path `file`) or "random" (seeded random numbers; benchmarks).
    sha256_prefix: the first hexadecimal digits of the file's SHA-256, or None where the
        publisher names none; then the digest the server states is checked if it states one.
    state_dict_key: the entry of the checkpoint that holds the state dict, None if it is one.
    renamed_keys: (regular expression, replacement) applied to each key, in this order.
    ignored_keys: keys a checkpoint may hold which the architecture has no place for.
    """

    source: Literal["packaged", "url", "file", "random"]
    licence: str
    url: str | None = None
    sha256_prefix: str | None = None
    state_dict_key: str | None = "model"
    file: str | None = None
    renamed_keys: tuple[tuple[str, str], ...] = ()
    ignored_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSpec:
    """One model: architecture, weights and the protocol they were evaluated with.

    architecture: "timm:…", "torchvision:…" or "ipvit:…", built with `architecture_options`.
    patch_px: side of a patch, None for networks without patches.
    prefix_tokens: tokens before the patches; 1 for ViT, 2 with a distillation or shape token.
    depth, heads: blocks, and attention heads in each; 0 where there is no global attention.
    num_classes: 0 for a model without a head; then `labels` is None.
    labels: "imagenet", "cifar10", or the path of a user's file, one label a line.
    tokens: query tokens in the order of the prefix, of "cls" and "shape".
    fixed_head: the head used where one must be chosen without ground truth.
    """

    name: str
    title: str
    architecture: str
    family: Family
    input_px: int
    num_classes: int
    preprocessing: Preprocessing
    weights: WeightsSource
    paper: str
    labels: str | None = None
    architecture_options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    patch_px: int | None = None
    prefix_tokens: int = 0
    depth: int = 0
    heads: int = 0
    tokens: tuple[str, ...] = ()
    fixed_head: int = 0
    note: str = ""

    @property
    def grid(self) -> Grid:
        """The model's own patches; for a network without, cells of 16 px (4 px below 64 px)."""
        cell_px = self.patch_px or (16 if self.input_px >= 64 else 4)
        side = max(1, self.input_px // cell_px)
        return Grid(side, side)

    @property
    def has_attention(self) -> bool:
        """Whether a class token attends to patches, so that attention can be captured."""
        return self.prefix_tokens > 0 and self.depth > 0

    @property
    def pull_command(self) -> str | None:
        """The command that fetches the weights, None if there is nothing to fetch."""
        return f"ipvit models pull {self.name}" if self.weights.source == "url" else None
