from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from torch import Tensor, nn

from ipvit.attention.capture import AttentionCapture
from ipvit.errors import CaptureMismatch
from ipvit.models.loading import load_model
from ipvit.models.specs import MODELS, ModelSpec
from tests.models.tiny import tiny

ATTENDING = [tiny(spec) for spec in MODELS.values() if spec.has_attention]
EACH_ATTENDING = pytest.mark.parametrize("spec", ATTENDING, ids=lambda spec: spec.name)
EACH_DTYPE = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
SHAPE = tiny(MODELS["pocket_deit_shape"])


def network(spec: ModelSpec, dtype: torch.dtype = torch.float32) -> nn.Module:
    return load_model(spec, cache_dir=Path("none"), dtype=dtype)


def images(spec: ModelSpec, dtype: torch.dtype = torch.float32) -> Tensor:
    noise = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, spec.input_px, spec.input_px, generator=noise).to(dtype)


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def unfused_attention(model: nn.Module, x: Tensor, layer: int) -> Tensor:
    """What timm's explicit product hands to its dropout: the weights themselves."""
    attention, seen = model.blocks[layer].attn, []
    handle = attention.attn_drop.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    attention.fused_attn = False
    try:
        model(x)
    finally:
        attention.fused_attn = True
        handle.remove()
    return seen[0]


@EACH_DTYPE
@EACH_ATTENDING
def test_logits_are_the_same_bit_for_bit(spec: ModelSpec, dtype: torch.dtype) -> None:
    model, x = network(spec, dtype), images(spec, dtype)
    plain = model(x)
    with AttentionCapture(model, layers=range(spec.depth), queries=spec.tokens) as seen:
        captured = model(x)
    assert torch.equal(plain, captured)
    assert torch.equal(plain, model(x))
    assert all(block.attn.fused_attn for block in model.blocks)
    tokens = spec.prefix_tokens + spec.grid.cells
    for layer in range(spec.depth):
        assert seen.maps[layer].shape == (2, spec.heads, len(spec.tokens), tokens)
        assert seen.maps[layer].dtype == torch.float32


@EACH_DTYPE
@EACH_ATTENDING
def test_maps_equal_the_unfused_product(spec: ModelSpec, dtype: torch.dtype) -> None:
    model, x = network(spec, dtype), images(spec, dtype)
    last = spec.depth - 1
    with AttentionCapture(model, layers=[last], queries="all") as seen:
        model(x)
    expected = unfused_attention(model, x, last).float()
    tolerance = 1e-6 if dtype == torch.float32 else 4e-3
    torch.testing.assert_close(seen.maps[last], expected, atol=tolerance, rtol=tolerance)


@EACH_ATTENDING
def test_rows_sum_to_one(spec: ModelSpec) -> None:
    model = network(spec)
    with AttentionCapture(model, layers=range(spec.depth), queries="all") as seen:
        model(images(spec))
    for weights in seen.maps.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


@EACH_ATTENDING
def test_a_token_is_its_row_of_the_whole(spec: ModelSpec) -> None:
    model, x = network(spec), images(spec)
    with AttentionCapture(model, layers=[0], queries="all") as whole:
        model(x)
    with AttentionCapture(model, layers=[0], queries=spec.tokens) as rows:
        model(x)
    expected = whole.maps[0][:, :, : len(spec.tokens)]
    torch.testing.assert_close(rows.maps[0], expected)


def test_queries_come_in_the_order_asked() -> None:
    model, x = network(SHAPE), images(SHAPE)
    with AttentionCapture(model, layers=[1], queries=("cls", "shape")) as forth:
        model(x)
    with AttentionCapture(model, layers=[1], queries=("shape", "cls")) as back:
        model(x)
    torch.testing.assert_close(forth.maps[1], back.maps[1].flip(2))


def test_normalised_queries_and_keys_are_captured_as_used() -> None:
    options = {**SHAPE.architecture_options, "qk_norm": True}
    spec = tiny(MODELS["pocket_deit_shape"], architecture_options=MappingProxyType(options))
    model, x = network(spec), images(spec)
    for block in model.blocks:
        nn.init.normal_(block.attn.q_norm.weight)
    with AttentionCapture(model, layers=[1], queries="all") as seen:
        model(x)
    torch.testing.assert_close(seen.maps[1], unfused_attention(model, x, 1))


def test_attention_is_what_paper_and_pencil_say() -> None:
    """Two tokens, one head, width 1: q = (1, 0), k = (ln 3, 0) and scale 1 give 3 to 1."""

    class Attention(nn.Module):
        num_heads, scale = 1, 1.0

        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Identity()

    model = nn.Module()
    model.blocks = nn.ModuleList([nn.Module()])
    model.blocks[0].attn = Attention()
    qkv = torch.tensor([[[1.0, 3.0, 0.0], [0.0, 1.0, 0.0]]])
    qkv[0, 0, 1] = torch.log(torch.tensor(3.0))
    qkv[0, 1, 1] = 0.0
    with AttentionCapture(model, layers=[0], queries="all") as seen:
        model.blocks[0].attn.qkv(qkv)
    expected = torch.tensor([[[[0.75, 0.25], [0.5, 0.5]]]])
    torch.testing.assert_close(seen.maps[0], expected)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_hooks_are_released() -> None:
    model, x = network(SHAPE), images(SHAPE)
    with AttentionCapture(model, layers=[0, 1]):
        assert hooks(model) == 2
        model(x)
    assert hooks(model) == 0


def test_hooks_are_released_after_an_error() -> None:
    model = network(SHAPE)
    with pytest.raises(RuntimeError), AttentionCapture(model, layers=[0]):
        model(torch.zeros(1, 5, 32, 32))
    assert hooks(model) == 0


def test_a_model_that_was_not_run_is_a_mismatch() -> None:
    model = network(SHAPE)
    with (
        pytest.raises(CaptureMismatch, match=r"blocks \[0\], got none of \[0\]"),
        AttentionCapture(model, layers=[0]),
    ):
        pass
    assert hooks(model) == 0


@pytest.mark.parametrize(
    ("name", "layers", "queries", "expected"),
    [
        ("pocket_deit", [6], "cls", "expected a model with a block 6, got .* with 6 blocks"),
        ("pocket_deit", [-1], "cls", "expected a model with a block -1"),
        ("pocket_deit", [0], "shape", "among the 1 prefix tokens of the model, got 'shape'"),
        ("pocket_deit", [0], "patch", "got 'patch'"),
        ("pocket_cnn", [0], "cls", "got PocketCNN with 0 blocks"),
        ("swin_t", [0], "cls", "got SwinTransformer with 0 blocks"),
    ],
)
def test_what_cannot_be_captured_is_said_before_the_forward_pass(
    name: str, layers: list[int], queries: str, expected: str
) -> None:
    model = network(tiny(MODELS[name]))
    with (
        pytest.raises(CaptureMismatch, match=expected),
        AttentionCapture(model, layers=layers, queries=queries),
    ):
        pass
    assert hooks(model) == 0


def test_attention_without_one_projection_is_a_mismatch() -> None:
    model = nn.Module()
    model.blocks = nn.Sequential(nn.Identity())
    with (
        pytest.raises(CaptureMismatch, match="expected one projection"),
        AttentionCapture(model, layers=[0]),
    ):
        pass


def test_no_layers_capture_nothing() -> None:
    model = network(tiny(MODELS["pocket_cnn"]))
    with AttentionCapture(model, queries="all") as seen:
        model(torch.zeros(1, 3, 32, 32))
    assert seen.maps == {}
