import copy

import pytest
import torch
from torch import nn

from ipvit.models.architectures import build_architecture
from ipvit.models.cpu_layout import PackedConv2d, PackedLinear, lay_out_for_cpu
from ipvit.models.pocket_cnn import PocketCNN
from ipvit.models.precision import convert


def tiny_vit() -> nn.Module:
    options = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_architecture("timm:vit_tiny_patch16_224", num_classes=10, **options).eval()


@pytest.mark.parametrize("images", [1, 5])
def test_a_packed_transformer_answers_the_same_bits(images: int) -> None:
    network = convert(tiny_vit(), "bf16")
    packed = lay_out_for_cpu(copy.deepcopy(network), 32)
    pixels = torch.linspace(-2, 2, images * 3 * 32 * 32).view(images, 3, 32, 32).bfloat16()
    with torch.inference_mode():
        assert torch.equal(packed(pixels), network(pixels))


def test_the_linear_layers_of_the_blocks_are_packed_and_the_classifier_is_not() -> None:
    packed = lay_out_for_cpu(convert(tiny_vit(), "bf16"), 32)
    kinds = {name: type(module) for name, module in packed.named_modules()}
    assert kinds["blocks.1.attn.qkv"] is kinds["blocks.0.mlp.fc1"] is PackedLinear
    assert kinds["head"] is nn.Linear


@pytest.mark.parametrize("network", [tiny_vit(), PocketCNN().eval()], ids=["vit", "cnn"])
def test_float32_layers_are_left_alone(network: nn.Module) -> None:
    lay_out_for_cpu(convert(network, "fp32"), 32)
    assert not any(type(module) in (PackedLinear, PackedConv2d) for module in network.modules())


def test_a_packed_network_can_be_copied_with_its_tensors_shared() -> None:
    packed = lay_out_for_cpu(convert(tiny_vit(), "bf16"), 32)
    shared = {id(tensor): tensor for tensor in (*packed.parameters(), *packed.buffers())}
    pixels = torch.ones(1, 3, 32, 32).bfloat16()
    with torch.inference_mode():
        assert torch.equal(copy.deepcopy(packed, shared)(pixels), packed(pixels))


def test_a_float32_convolutional_network_computes_channels_last() -> None:
    network = PocketCNN().eval()
    laid_out = lay_out_for_cpu(copy.deepcopy(network), 32)
    pixels = torch.linspace(-2, 2, 2 * 3 * 32 * 32).view(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(laid_out(pixels), network(pixels), rtol=1e-4, atol=1e-5)
    kernel = laid_out.stages[0][0].weight  # type: ignore[index]
    assert kernel.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("images", [1, 5])
def test_packed_convolutions_answer_the_same_bits(images: int) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False),
        nn.Conv2d(32, 64, 3, stride=2, dilation=2),
        nn.Conv2d(64, 64, 3, groups=64),
        nn.Conv2d(64, 32, 1, groups=4),
    ).to(torch.bfloat16, memory_format=torch.channels_last)  # type: ignore[call-overload]
    packed = lay_out_for_cpu(copy.deepcopy(network), 32)
    assert all(type(module) is PackedConv2d for module in packed.children())
    pixels = torch.linspace(-2, 2, images * 3 * 32 * 32).view(images, 3, 32, 32).bfloat16()
    with torch.inference_mode():
        assert torch.equal(packed(pixels), network(pixels))
        assert torch.equal(packed(pixels[..., :20, :24]), network(pixels[..., :20, :24]))


def test_other_paddings_are_left_alone() -> None:
    convolutions = [
        nn.Conv2d(3, 3, 3, padding="same"),
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
    ]
    network = lay_out_for_cpu(nn.Sequential(*convolutions).bfloat16(), 32)
    assert all(type(module) is nn.Conv2d for module in network.children())


class ReadsAWeight(nn.Module):
    """Uses a layer's weight without calling the layer, as Swin's attention does."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.called = nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.called(nn.functional.linear(images, self.read.weight, self.read.bias))


def test_a_layer_that_is_not_called_is_left_alone() -> None:
    network = lay_out_for_cpu(ReadsAWeight().bfloat16(), 32)
    assert type(network.read) is nn.Linear
    assert type(network.called) is PackedLinear
