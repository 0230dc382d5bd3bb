"""Real forward passes of small networks with seeded weights, and photos to run them on."""

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from ipvit.analyses.direct import DirectForward
from ipvit.analyses.forward import AnalysisContext, ForwardRequest, ForwardResult
from ipvit.images import DecodedImage
from ipvit.models.specs import MODELS, ModelSpec
from ipvit.registry import Registry
from tests.models.tiny import RANDOM, tiny


def small(name: str, **changes: object) -> ModelSpec:
    """A two-block relative of a transformer in the registry."""
    spec = tiny(MODELS[name])
    options = MappingProxyType(dict(spec.architecture_options) | {"depth": 2})
    return replace(spec, architecture_options=options, depth=2, **changes)


SPECS = Registry(
    "model",
    (
        small("pocket_deit"),
        small("pocket_deit_shape", fixed_head=2),
        small("pocket_deit_nopos"),
        small("dino_vit_s"),
        small("deit_t_patch22"),
        small("deit_t_patch38"),
        replace(MODELS["pocket_cnn"], weights=RANDOM),
        MODELS["deit_s"],
    ),
)


@dataclass
class Recorded:
    """A `Forward` that runs the networks and remembers what it was asked."""

    direct: DirectForward
    requests: list[ForwardRequest] = field(default_factory=list)

    def submit(self, request: ForwardRequest) -> "Future[ForwardResult]":
        self.requests.append(request)
        return self.direct.submit(request)


@pytest.fixture(scope="session")
def direct() -> DirectForward:
    return DirectForward(SPECS, cache_dir=Path("none"))


@pytest.fixture
def forward(direct: DirectForward) -> Recorded:
    return Recorded(direct)


@pytest.fixture
def context(forward: Recorded) -> AnalysisContext:
    return AnalysisContext(SPECS, lambda name: name != "deit_s", forward)


@pytest.fixture(scope="session")
def photo() -> DecodedImage:
    """60 x 40 px of noise, smooth enough to survive resizing."""
    noise = np.random.default_rng(7).integers(0, 256, (10, 15, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((60, 40), Image.Resampling.BICUBIC)
    return DecodedImage(image, "PNG")
