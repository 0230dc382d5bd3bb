import pytest
import torch
from torch import nn

from ipvit.models.loading import build_model
from ipvit.models.precision import DTYPES, Precision, convert
from tests.tiny_model import TINY
from workers.scripting import without_interpreter


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_trace_computes_the_very_same(precision: Precision) -> None:
    network = convert(build_model(TINY).eval(), precision)
    run = without_interpreter(network, torch.rand(3, 32, 32).to(DTYPES[precision]))
    assert isinstance(run, torch.jit.ScriptModule)
    with torch.inference_mode():
        for count in (1, 4, 7):
            images = torch.rand(count, 3, 32, 32).to(DTYPES[precision])
            assert torch.equal(run(images), network(images))


class Stubborn(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("not me")
        return images.sum((1, 2, 3))


class Forgetful(nn.Module):
    """Its trace remembers the size of the batch it was traced with."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.sum((1, 2, 3)) * float(len(images))


@pytest.mark.parametrize("network", [Stubborn(), Forgetful()])
def test_what_cannot_be_traced_truly_runs_as_it_is(network: nn.Module) -> None:
    assert without_interpreter(network, torch.rand(3, 4, 4)) is network
