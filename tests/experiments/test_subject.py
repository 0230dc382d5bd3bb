import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ipvit.analyses.direct import DirectForward
from ipvit.analyses.forward import ForwardRequest
from ipvit.attention.capture import AttentionCapture
from ipvit.errors import WeightsUnavailable
from ipvit.experiments.pace import SteadyPace
from ipvit.experiments.subject import Subject
from ipvit.models.loading import build_model
from ipvit.models.specs import MODELS
from ipvit.registry import Registry
from tests.tiny_model import TINY


def photos(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("name", ["pocket_deit_shape", "pocket_cnn"])
def test_logits_are_those_of_the_analyses(name: str, tmp_path: Path) -> None:
    spec, images = MODELS[name], photos(5)
    direct = DirectForward(Registry("model", (spec,)), cache_dir=tmp_path)
    expected = direct.submit(ForwardRequest(name, images)).result().logits
    subject = Subject.load(spec, tmp_path, precision="fp32", pace=SteadyPace(2))
    logits = subject.logits(subject.to_device(images))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_black_is_black_before_normalising() -> None:
    subject = Subject(TINY, build_model(TINY))
    black = subject.normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8)).flatten()
    mean, std = TINY.preprocessing.mean, TINY.preprocessing.std
    assert black.tolist() == pytest.approx([-m / s for m, s in zip(mean, std, strict=True)])
    white = subject.normalise(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).flatten()
    assert white.tolist() == pytest.approx([(1 - m) / s for m, s in zip(mean, std, strict=True)])


@given(count=st.integers(1, 20), pass_images=st.integers(1, 7))
def test_forward_passes_are_no_larger_than_the_pace_says(count: int, pass_images: int) -> None:
    subject = Subject(TINY, build_model(TINY), pace=SteadyPace(pass_images))
    sizes: list[int] = []

    def first_pixels(pixels: Tensor) -> Tensor:
        sizes.append(len(pixels))
        return pixels[:, 0, 0, 0]

    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    answers = subject.run(images, first_pixels)
    assert max(sizes) <= pass_images
    assert sum(sizes) == count
    expected = subject.normalise(images)[:, 0, 0, 0].numpy()
    np.testing.assert_array_equal(answers, expected)


def test_several_answers_by_name() -> None:
    subject = Subject(TINY, build_model(TINY), pace=SteadyPace(2))

    def forward(pixels: Tensor) -> dict[str, Tensor]:
        return {"mean": pixels.mean((1, 2, 3)), "logits": subject.module(pixels)}

    images = subject.to_device(photos(5))
    answers = subject.run(images, forward)
    assert {name: array.shape for name, array in answers.items()} == {
        "mean": (5,),
        "logits": (5, 10),
    }
    np.testing.assert_allclose(answers["logits"], subject.logits(images), atol=1e-5)


def test_bf16_answers_in_fp32() -> None:
    subject = Subject(TINY, build_model(TINY), precision="bf16")
    exact = Subject(TINY, build_model(TINY))
    images = torch.from_numpy(photos(4))
    assert subject.normalise(images).dtype == torch.bfloat16
    logits = subject.logits(images)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, exact.logits(images), atol=0.1)


def test_attention_can_be_captured() -> None:
    subject = Subject(TINY, build_model(TINY))

    def attend(pixels: Tensor) -> Tensor:
        with AttentionCapture(subject.module, layers=[1], queries=("cls",)) as seen:
            subject.module(pixels)
        return seen.maps[1]

    rows = subject.run(torch.from_numpy(photos(3)), attend)
    assert rows.shape == (3, 2, 1, 18)
    np.testing.assert_allclose(rows.sum(-1), 1, atol=1e-5)


def test_memory_that_must_not_be_written_is_taken() -> None:
    images = photos(2)
    images.flags.writeable = False
    subject = Subject(TINY, build_model(TINY))
    assert subject.logits(subject.to_device(images)).shape == (2, 10)


def test_missing_weights_are_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="ipvit models pull deit_t"):
        Subject.load(MODELS["deit_t"], tmp_path)


@pytest.fixture
def two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


class Watched(nn.Module):
    """Tells which threads called it, with how many images and threads of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, int, int]] = []

    def forward(self, pixels: Tensor) -> Tensor:
        self.calls.append((threading.get_ident(), len(pixels), torch.get_num_threads()))
        return pixels.mean((1, 2, 3))


@pytest.mark.usefixtures("two_threads")
def test_each_core_takes_a_part_by_itself_unless_a_forward_is_given() -> None:
    subject = Subject(TINY, Watched())
    images = torch.from_numpy(photos(9))
    together = subject.logits(images)
    watched = subject.module
    assert isinstance(watched, Watched)
    assert sorted((images, threads) for _, images, threads in watched.calls) == [(4, 1), (5, 1)]
    watched.calls.clear()
    np.testing.assert_array_equal(subject.run(images, watched), together)
    assert watched.calls == [(threading.get_ident(), 9, 2)]
