"""The loss of a recipe: labels, a teacher, or both, on one token or two."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from ipvit.errors import InvalidInput
from ipvit.training.recipes import Distillation

__all__ = ["Targets", "token_logits", "training_loss"]


@dataclass(frozen=True)
class Targets:
    """What a batch should answer.

    labels, other_labels: (B,) int64; the second, with its share, comes from mixup.
    teacher: logits (B, classes) of the teacher on the same images, or None.
    """

    labels: Tensor
    other_labels: Tensor
    share: float
    teacher: Tensor | None


def token_logits(model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """Logits of each token's own head: (class head,) or (class head, second head).

    Unlike a plain forward pass in eval mode, the two heads are never averaged.
    """
    if not hasattr(model, "head_dist"):
        return (model(images),)
    features = model.forward_features(images)  # type: ignore[operator]
    return model.head(features[:, 0]), model.head_dist(features[:, 1])  # type: ignore[operator]


def training_loss(
    logits: tuple[Tensor, ...],
    targets: Targets,
    distillation: Distillation | None,
    label_smoothing: float,
) -> Tensor:
    """Cross-entropy with the labels, and `distillation.weight` of the teacher's loss."""
    scores = tuple(token.float() for token in logits)
    loss = targets.share * functional.cross_entropy(
        scores[0], targets.labels, label_smoothing=label_smoothing
    )
    if targets.share < 1.0:
        loss = loss + (1 - targets.share) * functional.cross_entropy(
            scores[0], targets.other_labels, label_smoothing=label_smoothing
        )
    if distillation is None:
        return loss
    if targets.teacher is None:
        raise InvalidInput("distillation needs a teacher's logits, got none", field="teacher")
    student = scores[0] if distillation.token == "cls" else scores[1]
    weight = distillation.weight
    return (1 - weight) * loss + weight * _teacher_loss(student, targets.teacher, distillation)


def _teacher_loss(student: Tensor, teacher: Tensor, distillation: Distillation) -> Tensor:
    teacher = teacher.float()
    if distillation.hard:
        return functional.cross_entropy(student, teacher.argmax(dim=1))
    temperature = distillation.temperature
    divergence = functional.kl_div(
        functional.log_softmax(student / temperature, dim=1),
        functional.log_softmax(teacher / temperature, dim=1),
        log_target=True,
        reduction="batchmean",
    )
    return divergence * temperature**2
