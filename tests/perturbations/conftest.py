from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ipvit.images import decode_image
from ipvit.preprocessing import IMAGENET_224, prepare

FOLDER = Path(__file__).parents[2] / "static" / "samples"
SAMPLES = [FOLDER / name for name in ("cat.jpg", "dog.jpg", "jet.jpg", "red-panda.jpg")]


@pytest.fixture(scope="session", params=SAMPLES, ids=lambda path: path.stem)
def photo(request: pytest.FixtureRequest) -> npt.NDArray[np.uint8]:
    """A real photo as a model's input, (3, 224, 224)."""
    return prepare(decode_image(request.param.read_bytes()).image, IMAGENET_224)
