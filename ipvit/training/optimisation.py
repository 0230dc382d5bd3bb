"""Optimisers and the one-cycle schedule of a recipe."""

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Muon, Optimizer

from ipvit.training.recipes import Optimisation

__all__ = ["MovingAverage", "build_optimisers", "learning_rate_factor", "set_learning_rates"]

# Vectors, embeddings, the patch projection and heads are no hidden matrices.
_NOT_HIDDEN = ("pos_embed", "cls_token", "dist_token", "patch_embed", "head", "hint")


def build_optimisers(model: nn.Module, optimisation: Optimisation) -> list[Optimizer]:
    """One optimiser, or Muon and AdamW; every parameter group remembers its `base_lr`."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if optimisation.kind == "sgd":
        optimisers: list[Optimizer] = [_sgd([p for _, p in trained], optimisation)]
    elif optimisation.kind == "adamw":
        optimisers = [_adamw([p for _, p in trained], optimisation.lr, optimisation)]
    else:
        hidden = [p for name, p in trained if _is_hidden_matrix(name, p)]
        other = [p for name, p in trained if not _is_hidden_matrix(name, p)]
        muon = Muon(
            hidden,
            lr=optimisation.lr,
            momentum=optimisation.momentum,
            weight_decay=optimisation.weight_decay,
        )
        optimisers = [muon, _adamw(other, optimisation.adamw_lr, optimisation)]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["base_lr"] = group["lr"]
    return optimisers


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and not any(part in name for part in _NOT_HIDDEN)


def _sgd(parameters: list[nn.Parameter], optimisation: Optimisation) -> Optimizer:
    decayed = [p for p in parameters if p.ndim > 1]
    vectors = [p for p in parameters if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": optimisation.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return SGD(
        [group for group in groups if group["params"]],
        lr=optimisation.lr,
        momentum=optimisation.momentum,
        nesterov=True,
    )


def _adamw(parameters: list[nn.Parameter], lr: float, optimisation: Optimisation) -> Optimizer:
    decayed = [p for p in parameters if p.ndim > 1 and p.shape[0] != 1]
    others = [p for p in parameters if p.ndim <= 1 or p.shape[0] == 1]
    groups = [
        {"params": decayed, "weight_decay": optimisation.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return AdamW([group for group in groups if group["params"]], lr=lr, betas=(0.9, 0.95))


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """Linear up over the first `warmup` share of all steps, then linear down to zero."""
    position = (step + 1) / (steps + 1)
    if position < warmup:
        return position / warmup
    return (1 - position) / (1 - warmup)


def set_learning_rates(optimisers: list[Optimizer], factor: float) -> None:
    """Set every group's rate to `factor` times its base."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * factor


class MovingAverage:
    """Exponential moving average of a model's state, warmed up over its first steps."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move a step towards the model's present state."""
        self.updates += 1
        share = 1 - min(self.decay, self.updates / (self.updates + 10))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, share)
            else:
                self.state[name].copy_(value)
