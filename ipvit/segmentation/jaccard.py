"""Jaccard similarity of predicted masks and ground truth (Naseer et al. 2021, §3.2, Table 4).

PASCAL VOC's conventions: ground truth holds a class index a pixel, 0 is background and 255 is
void. For each class present, a head's mask is compared with the pixels of that class; void
pixels are ignored; the image's value is the mean over the classes present.

The paper reports the *best* head, chosen for each class with the ground truth in hand. That is
an upper bound no user reaches, so a head fixed beforehand is reported beside it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipvit.errors import InvalidInput

__all__ = ["BACKGROUND", "VOID", "JaccardScores", "best_and_fixed_head", "jaccard"]

BACKGROUND = 0
VOID = 255

Mask = npt.NDArray[np.bool_]


def jaccard(prediction: Mask, truth: Mask, valid: Mask | None = None) -> float:
    """Intersection over union of two masks, from 0 to 1.

    prediction, truth: (H, W) bool. valid: (H, W) bool, pixels that count; None is all.
    Two empty masks are equal: 1.
    Raises ValueError if the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"expected masks of one shape, got prediction {prediction.shape} and truth "
            f"{truth.shape}"
        )
    if valid is not None:
        prediction, truth = prediction & valid, truth & valid
    union = np.count_nonzero(prediction | truth)
    if union == 0:
        return 1.0
    return float(np.count_nonzero(prediction & truth) / union)


@dataclass(frozen=True)
class JaccardScores:
    """One image's scores, each from 0 to 1.

    per_head: each head's mean over the classes present.
    best_head: the head with the highest such mean (the first of equals).
    best: the paper's figure: for each class its best head's score, then the mean; at least
        `per_head[best_head]`, and more where different classes have different best heads.
    fixed_head, fixed: the head chosen beforehand and its mean.
    classes: the class indices present, ascending.
    """

    per_head: tuple[float, ...]
    best_head: int
    best: float
    fixed_head: int
    fixed: float
    classes: tuple[int, ...]


def best_and_fixed_head(
    masks: Mask, ground_truth: npt.NDArray[np.uint8], fixed_head: int
) -> JaccardScores:
    """Score each head's mask against every class in the ground truth.

    masks: (heads, H, W) bool, at the ground truth's size.
    ground_truth: (H, W) uint8, class indices; 0 background, 255 void.
    fixed_head: 0-based.
    Raises InvalidInput (field "ground_truth") if it holds no class, and ValueError if the sizes
    differ or there is no such head.
    """
    if masks.ndim != 3 or masks.shape[1:] != ground_truth.shape:
        raise ValueError(
            f"expected masks (heads, {', '.join(map(str, ground_truth.shape))}), got {masks.shape}"
        )
    if not 0 <= fixed_head < len(masks):
        raise ValueError(f"expected a head from 0 to {len(masks) - 1}, got {fixed_head}")
    classes = [int(c) for c in np.unique(ground_truth) if c not in (BACKGROUND, VOID)]
    if not classes:
        raise InvalidInput(
            "expected ground truth with at least one class (1 to 254), got only background and "
            "void",
            field="ground_truth",
        )
    valid = ground_truth != VOID
    scores = np.array(
        [[jaccard(mask, ground_truth == c, valid) for c in classes] for mask in masks]
    )  # (heads, classes)
    per_head = scores.mean(axis=1)
    return JaccardScores(
        per_head=tuple(per_head.tolist()),
        best_head=int(per_head.argmax()),
        best=float(scores.max(axis=0).mean()),
        fixed_head=fixed_head,
        fixed=float(per_head[fixed_head]),
        classes=tuple(classes),
    )
