from pathlib import Path

import pytest
import torch
from torch import nn

from ipvit.models import precision
from ipvit.models.loading import build_model
from ipvit.models.precision import choose_precision, convert, cpu_flags, multiplies_bf16
from ipvit.models.specs import MODELS
from tests.models.tiny import tiny


@pytest.mark.parametrize("requested", ["fp32", "bf16"])
def test_an_explicit_precision_is_kept(requested: str) -> None:
    assert choose_precision(requested, "cpu") == requested


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16\n", "bf16"),
        ("flags : fpu amx_tile amx_bf16\n", "bf16"),
        ("flags : fpu avx2 avx512f avx512_vnni\n", "fp32"),
        ("Features : asimd\n", "fp32"),
        ("", "fp32"),
    ],
)
def test_auto_follows_the_hardware(
    cpuinfo: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    monkeypatch.setattr(precision, "_CPU_FLAGS", path)
    cpu_flags.cache_clear()
    try:
        assert choose_precision("auto", "cpu") == expected
    finally:
        cpu_flags.cache_clear()


def test_auto_is_fp32_where_the_system_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_CPU_FLAGS", tmp_path / "absent")
    cpu_flags.cache_clear()
    try:
        assert not multiplies_bf16("cpu")
    finally:
        cpu_flags.cache_clear()


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="fp16"):
        choose_precision("fp16", "cpu")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(inputs))
        return logits


def test_bf16_keeps_the_classifier_in_fp32() -> None:
    network = convert(Small(), "bf16")
    assert {weights.dtype for weights in network.body.parameters()} == {torch.bfloat16}
    assert {weights.dtype for weights in network.head.parameters()} == {torch.float32}
    with torch.no_grad():
        assert network(torch.ones(1, 4, dtype=torch.bfloat16)).dtype == torch.float32


@pytest.mark.parametrize("name", MODELS)
def test_the_logits_of_every_model_are_computed_in_fp32(name: str) -> None:
    spec = tiny(MODELS[name])
    network = convert(build_model(spec).eval(), "bf16")
    images = torch.linspace(-2, 2, 3 * spec.input_px**2).view(1, 3, spec.input_px, spec.input_px)
    with torch.inference_mode():
        assert network(images.bfloat16()).dtype == torch.float32


def test_a_list_of_classifiers_is_kept_in_fp32() -> None:
    network = Small()
    network.get_classifier = lambda: nn.ModuleList([network.head])  # type: ignore[method-assign]
    convert(network, "bf16")
    with torch.no_grad():
        assert network(torch.ones(1, 4, dtype=torch.bfloat16)).dtype == torch.float32


def test_fp32_converts_half_weights() -> None:
    network = convert(Small().half(), "fp32")
    assert {weights.dtype for weights in network.parameters()} == {torch.float32}
