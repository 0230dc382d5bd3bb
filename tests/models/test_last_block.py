import copy

import pytest
import torch
from torch import nn

from ipvit.attention.capture import AttentionCapture
from ipvit.models.architectures import build_architecture
from ipvit.models.cpu_layout import lay_out_for_cpu
from ipvit.models.final_features import FinalFeatures
from ipvit.models.last_block import PrefixBlock, narrow_last_block
from ipvit.models.precision import convert

PLAIN, DISTILLED = "timm:vit_tiny_patch16_224", "timm:deit_tiny_distilled_patch16_224"
IMAGES = torch.linspace(-2, 2, 3 * 3 * 32 * 32).view(3, 3, 32, 32)


def tiny(architecture: str = PLAIN, **options: object) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
        network = build_architecture(architecture, num_classes=10, **size, **options).eval()
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.2)  # biases, tokens and layer scales matter, too
        return network


@pytest.mark.parametrize(
    "network",
    [
        tiny(),
        tiny(DISTILLED),
        tiny(pos_embed="none"),
        tiny(qk_norm=True, scale_attn_norm=True, scale_mlp_norm=True, init_values=0.5),
    ],
    ids=["plain", "distilled", "no position", "normed and scaled"],
)
def test_the_logits_are_the_same(network: nn.Module) -> None:
    narrow = narrow_last_block(network)
    assert isinstance(narrow.blocks[-1], PrefixBlock)  # type: ignore[index]
    with torch.inference_mode():
        torch.testing.assert_close(narrow(IMAGES), network(IMAGES), rtol=1e-5, atol=1e-5)


def test_bf16_logits_are_as_close_to_fp32_as_before() -> None:
    network = tiny()
    half = convert(copy.deepcopy(network), "bf16")
    with torch.inference_mode():
        exact = network(IMAGES)
        error = (half(IMAGES.bfloat16()).float() - exact).abs().max()
        narrow = lay_out_for_cpu(narrow_last_block(half), 32)
        assert (narrow(IMAGES.bfloat16()).float() - exact).abs().max() < 2 * error


@pytest.mark.parametrize("architecture", [PLAIN, DISTILLED])
@pytest.mark.parametrize("queries", [("cls",), ("all",)])
def test_attention_is_captured_as_before(architecture: str, queries: tuple[str, ...]) -> None:
    network = tiny(architecture)
    narrow = narrow_last_block(network)
    with (
        torch.inference_mode(),
        AttentionCapture(network, layers=(0, 1), queries=queries) as expected,
        AttentionCapture(narrow, layers=(0, 1), queries=queries) as seen,
    ):
        network(IMAGES)
        logits = narrow(IMAGES)
    assert torch.equal(seen.maps[0], expected.maps[0])
    assert torch.equal(seen.maps[1], expected.maps[1])
    with torch.inference_mode():
        assert torch.equal(logits, narrow(IMAGES))


@pytest.mark.parametrize("token", [0, 1])
def test_prefix_tokens_have_their_features(token: int) -> None:
    network = tiny(DISTILLED)
    narrow = narrow_last_block(network)
    with (
        torch.inference_mode(),
        FinalFeatures(network, token=token) as expected,
        FinalFeatures(narrow, token=token) as seen,
    ):
        network(IMAGES)
        narrow(IMAGES)
    torch.testing.assert_close(seen.features, expected.features, rtol=1e-5, atol=1e-5)


def test_the_patches_are_not_computed() -> None:
    narrow = narrow_last_block(tiny(DISTILLED))
    rows: list[int] = []
    last = narrow.blocks[-1]  # type: ignore[index]
    for layer in (last.attn.qkv, last.attn.proj, last.mlp.fc1, last.mlp.fc2):
        layer.register_forward_hook(lambda _layer, _inputs, out: rows.append(out.shape[1]))
    with torch.inference_mode():
        narrow(IMAGES)
    assert rows == [18, 2, 2, 2]


def test_parameters_are_shared_and_keep_their_names() -> None:
    network = tiny()
    before = dict(network.named_parameters())
    after = dict(narrow_last_block(network).named_parameters())
    assert before.keys() == after.keys()
    assert all(after[name] is before[name] for name in before)


def test_the_network_itself_is_left_alone() -> None:
    network = tiny()
    before = dict(network.named_modules())
    narrow_last_block(network)
    after = dict(network.named_modules())
    assert before.keys() == after.keys()
    assert all(after[name] is before[name] for name in before)


@pytest.mark.parametrize(
    "network",
    [
        tiny(global_pool="avg", class_token=False),
        tiny(global_pool="map"),
        build_architecture("timm:swin_tiny_patch4_window7_224", embed_dim=24, depths=(1, 1, 1, 1)),
        build_architecture("ipvit:pocket_cnn"),
    ],
    ids=["mean of patches", "attention pooling", "swin", "cnn"],
)
def test_networks_that_read_patches_stay_as_they_are(network: nn.Module) -> None:
    assert narrow_last_block(network) is network
