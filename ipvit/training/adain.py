"""Arbitrary style transfer by adaptive instance normalisation (Huang & Belongie 2017, §3-5).

Encoder: VGG19's first layers up to relu4_1, in the normalised form the authors published, with
reflection padding; decoder: its mirror image. Stylized-ImageNet was made with this network. Only
the architecture is here: weights are given by path or URL, as safetensors, or as the state dicts of
two `nn.Sequential` in the layout that is usual for ports of the original.
"""

import hashlib
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from ipvit.errors import WeightsCorrupt, WeightsUnavailable

__all__ = ["AdaIN", "build_decoder", "build_encoder", "load_adain"]

# Convolutions by (in, out) channels; "pool" and "up" are 2x2 pooling and nearest upsampling.
_ENCODER_PLAN: tuple[tuple[int, int] | str, ...] = (
    (3, 64),
    (64, 64),
    "pool",
    (64, 128),
    (128, 128),
    "pool",
    (128, 256),
    (256, 256),
    (256, 256),
    (256, 256),
    "pool",
    (256, 512),
)
_DECODER_PLAN: tuple[tuple[int, int] | str, ...] = (
    (512, 256),
    "up",
    (256, 256),
    (256, 256),
    (256, 256),
    (256, 128),
    "up",
    (128, 128),
    (128, 64),
    "up",
    (64, 64),
    (64, 3),
)


def build_encoder() -> nn.Sequential:
    """Images (B, 3, H, W) in [0, 1] to relu4_1, (B, 512, H/8, W/8)."""
    colour = nn.Conv2d(3, 3, 1)  # the published weights fold the normalisation into this layer
    return nn.Sequential(colour, *_layers(_ENCODER_PLAN))


def build_decoder() -> nn.Sequential:
    """relu4_1 (B, 512, h, w) back to images (B, 3, 8h, 8w)."""
    return nn.Sequential(*_layers(_DECODER_PLAN)[:-1])  # no ReLU after the last convolution


def _layers(plan: tuple[tuple[int, int] | str, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for entry in plan:
        if entry == "pool":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        elif entry == "up":
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        else:
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(int(entry[0]), int(entry[1]), 3), nn.ReLU()]
    return layers


class AdaIN(nn.Module):
    """Give a content image the channel statistics of a style image, in feature space."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @torch.inference_mode()
    def forward(self, content: Tensor, style: Tensor, strength: float = 1.0) -> Tensor:
        """content, style: (B, 3, H, W) float in [0, 1]; strength: 0 keeps, 1 restyles wholly.

        Returns (B, 3, H, W), clipped to [0, 1].
        """
        features = self.encoder(content)
        restyled = match_statistics(features, self.encoder(style))
        image: Tensor = self.decoder(features.lerp(restyled, strength))
        height, width = content.shape[-2:]
        return image[..., :height, :width].clamp(0.0, 1.0)


def match_statistics(content: Tensor, style: Tensor) -> Tensor:
    """Shift and scale each channel of `content` to the mean and deviation of `style`'s."""
    mean = content.mean((2, 3), keepdim=True)
    deviation = content.std((2, 3), keepdim=True) + 1e-5
    wanted = style.std((2, 3), keepdim=True) + 1e-5
    return (content - mean) / deviation * wanted + style.mean((2, 3), keepdim=True)


def load_adain(encoder: str, decoder: str, cache_dir: Path) -> AdaIN:
    """Build the network from two weights, each a path or an http(s) URL.

    Raises WeightsUnavailable or WeightsCorrupt.
    """
    network = AdaIN(build_encoder(), build_decoder())
    _load(network.encoder, encoder, cache_dir)
    _load(network.decoder, decoder, cache_dir)
    return network.eval()


def _load(network: nn.Module, source: str, cache_dir: Path) -> None:
    path = (
        _fetch(source, cache_dir) if urlparse(source).scheme in ("http", "https") else Path(source)
    )
    if not path.is_file():
        raise WeightsUnavailable(
            f"expected style transfer weights at {path}; there is no such file"
        )
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state: dict[str, Tensor] = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    own = network.state_dict()
    state = {name: value for name, value in state.items() if name in own}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsCorrupt(f"{path} does not fit the AdaIN architecture: {error}") from error


def _fetch(url: str, cache_dir: Path) -> Path:
    """Download once into the cache, atomically."""
    import httpx

    suffix = Path(urlparse(url).path).suffix or ".pth"
    path = cache_dir / "adain" / (hashlib.sha256(url.encode()).hexdigest()[:16] + suffix)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer:
            answer.raise_for_status()
            with partial.open("wb") as file:
                for block in answer.iter_bytes():
                    file.write(block)
    except httpx.HTTPError as error:
        raise WeightsUnavailable(f"{url} could not be fetched: {error}") from error
    partial.replace(path)
    return path
