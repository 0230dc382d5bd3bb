import copy

import pytest
import torch
from torch import nn

from ipvit.models.architectures import build_architecture
from ipvit.models.cpu_layout import PackedLinear, lay_out_for_cpu
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
    packed = lay_out_for_cpu(copy.deepcopy(network))
    pixels = torch.linspace(-2, 2, images * 3 * 32 * 32).view(images, 3, 32, 32).bfloat16()
    with torch.inference_mode():
        assert torch.equal(packed(pixels), network(pixels))


def test_the_linear_layers_of_the_blocks_are_packed_and_the_classifier_is_not() -> None:
    packed = lay_out_for_cpu(convert(tiny_vit(), "bf16"))
    kinds = {name: type(module) for name, module in packed.named_modules()}
    assert kinds["blocks.1.attn.qkv"] is kinds["blocks.0.mlp.fc1"] is PackedLinear
    assert kinds["head"] is nn.Linear


def test_float32_linear_layers_are_left_alone() -> None:
    network = lay_out_for_cpu(convert(tiny_vit(), "fp32"))
    assert not any(isinstance(module, PackedLinear) for module in network.modules())


def test_a_packed_network_can_be_copied_with_its_tensors_shared() -> None:
    packed = lay_out_for_cpu(convert(tiny_vit(), "bf16"))
    shared = {id(tensor): tensor for tensor in (*packed.parameters(), *packed.buffers())}
    pixels = torch.ones(1, 3, 32, 32).bfloat16()
    with torch.inference_mode():
        assert torch.equal(copy.deepcopy(packed, shared)(pixels), packed(pixels))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_convolutional_network_computes_channels_last(precision: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = convert(PocketCNN().eval(), precision)  # type: ignore[arg-type]
    laid_out = lay_out_for_cpu(copy.deepcopy(network))
    pixels = torch.linspace(-2, 2, 2 * 3 * 32 * 32).view(2, 3, 32, 32).to(network.head.weight.dtype)
    pixels = pixels.to(next(network.stem.parameters()).dtype)
    with torch.inference_mode():
        answer, expected = laid_out(pixels), network(pixels)
    kernel = laid_out.stages[0][0].weight  # type: ignore[index]
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(answer, expected, rtol=1e-2, atol=1e-3)
