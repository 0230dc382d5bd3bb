"""Let a ViT's patch tokens predict a CNN teacher's feature map (Romero et al. 2015, "FitNets").

The logits say what an image shows, the feature map says it at every place: far more signal an
image for a network that must first learn what neighbourhood is. The linear map between the two is
thrown away after training, so the student stays a plain ViT.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FeatureHint"]


class FeatureHint(nn.Module):
    """Keeps one block's patch tokens of the student and one stage's map of the teacher."""

    def __init__(self, student: Any, teacher: Any, block: int) -> None:
        super().__init__()
        stage = teacher.stages[1]
        self.prefix_tokens = int(student.num_prefix_tokens)
        self.predict = nn.Linear(student.embed_dim, stage[-2].num_features)
        self._tokens: Tensor | None = None
        self._map: Tensor | None = None
        student.blocks[block].register_forward_hook(self._keep_tokens)
        stage.register_forward_hook(self._keep_map)

    def _keep_tokens(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        if module.training:
            self._tokens = output[:, self.prefix_tokens :]  # (B, patches, width)

    def _keep_map(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        self._map = output.detach()  # (B, channels, H, W)

    def forward(self) -> Tensor:
        """Mean squared error to the teacher's map, standardised by channel, of the last batch."""
        tokens, teacher_map = self._tokens, self._map
        if tokens is None or teacher_map is None:
            raise RuntimeError("the hint needs a forward pass of teacher and student first")
        self._tokens = self._map = None
        side = round(tokens.shape[1] ** 0.5)
        target = functional.interpolate(teacher_map.float(), size=(side, side), mode="bilinear")
        target = (target - target.mean((0, 2, 3), keepdim=True)) / (
            target.std((0, 2, 3), keepdim=True) + 1e-4
        )
        predicted = self.predict(tokens).float().transpose(1, 2).unflatten(2, (side, side))
        return functional.mse_loss(predicted, target)
