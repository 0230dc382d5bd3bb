"""A small convolutional network for 32 px images, trained by this project.

Three stages of two 3x3 convolutions each, max-pooling inside a stage, batch
normalisation and GELU after every convolution, a global max-pool and a linear
head. The stem is a 2x2 convolution that training fills with whitening filters
(`ipvit.training.initialisation.whiten_stem`) and then leaves as it is.
The layout follows the fast CIFAR-10 networks of Page (2018, "How to train your
ResNet") and Jordan (2024, arXiv 2404.00498); the code is ours.
"""

from torch import Tensor, nn

__all__ = ["PocketCNN"]


class ConvStage(nn.Sequential):
    """Halve the side and change the width: (B, C, H, W) -> (B, width, H/2, W/2)."""

    def __init__(self, in_width: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(in_width, width, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.GELU(),
        )


class PocketCNN(nn.Module):
    """Images (B, 3, H, W), normalised, sides of at least 17 px, to logits (B, num_classes)."""

    def __init__(
        self,
        num_classes: int = 10,
        stem_width: int = 24,
        widths: tuple[int, int, int] = (64, 192, 256),
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = widths[-1]
        self.stem = nn.Conv2d(3, stem_width, 2)
        self.stem_activation = nn.GELU()
        first, second, third = widths
        self.stages = nn.Sequential(
            ConvStage(stem_width, first), ConvStage(first, second), ConvStage(second, third)
        )
        self.head = nn.Linear(third, num_classes, bias=False)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last stage's map, (B, widths[-1], H', W')."""
        features: Tensor = self.stages(self.stem_activation(self.stem(images)))
        return features

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Max-pool a map over space and, unless `pre_logits`, return the logits."""
        pooled = features.amax(dim=(2, 3))  # (B, widths[-1])
        if pre_logits:
            return pooled
        logits: Tensor = self.head(pooled) / 9.0
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Logits of normalised images."""
        return self.forward_head(self.forward_features(images))
