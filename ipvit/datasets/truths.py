"""Ground-truth masks: palette indices of a PNG, as PASCAL VOC keeps them."""

import numpy as np
import numpy.typing as npt

from ipvit.datasets.dataset import Dataset, Entry
from ipvit.errors import InvalidImage, InvalidInput
from ipvit.images import decode_mask

__all__ = ["read_truth"]


def read_truth(dataset: Dataset, entry: Entry) -> npt.NDArray[np.uint8]:
    """The ground truth of one image, at its original size.

    Returns (H, W) uint8: 0 background, 255 void, else the object class.
    Raises InvalidImage, naming the path, if the entry has no mask or it cannot be read.
    """
    if entry.truth is None:
        raise InvalidImage(f"expected a mask for {entry.path!r}, the data set has none")
    try:
        return decode_mask((dataset.root / entry.truth).read_bytes(), field="dataset")
    except (InvalidInput, OSError) as error:
        raise InvalidImage(f"the mask {entry.truth!r}: {error}", field="dataset") from error
