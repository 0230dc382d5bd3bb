"""A tiny classifier that counts its forward passes and can be held in the middle of one."""

from threading import Event, Lock
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from ipvit.analyses.forward import ForwardRequest
from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import Preprocessing

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
SIDE_PX, CLASSES = 8, 5
WAIT_S = 20


class Gate:
    """Holds forward passes once closed; `arrived` tells that one is inside."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.arrived = Event()
        self._open = Event()
        self._open.set()
        self._lock = Lock()

    def close(self) -> None:
        self.arrived.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def passed_by(self, images: int) -> None:
        with self._lock:
            self.batches.append(images)
        self.arrived.set()
        assert self._open.wait(WAIT_S), "the gate was never opened"

    def __deepcopy__(self, memo: Any) -> "Gate":
        return self


class Probe(nn.Module):
    """Linear over all pixels; raises for a batch that holds an image whose first pixel is 255."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.head = nn.Linear(3 * SIDE_PX * SIDE_PX, CLASSES)
        for weights in self.head.parameters():
            nn.init.normal_(weights, std=0.1, generator=torch.Generator().manual_seed(0))

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("a probe has to run in Python")
        self.gate.passed_by(len(pixels))
        corner = pixels[:, 0, 0, 0].float() * STD[0] + MEAN[0]
        if (corner > 0.998).any():
            raise ValueError("a poisoned image")
        logits: torch.Tensor = self.head(pixels.flatten(1))
        return logits


def probe_spec(name: str = "probe") -> ModelSpec:
    return ModelSpec(
        name=name,
        title=name,
        architecture="tests:probe",
        architecture_options=MappingProxyType({}),
        family="custom",
        input_px=SIDE_PX,
        num_classes=CLASSES,
        preprocessing=Preprocessing(SIDE_PX, SIDE_PX, MEAN, STD),
        weights=WeightsSource(source="random", licence="none"),
        paper="none",
    )


def request(images: np.ndarray, model: str = "probe") -> ForwardRequest:
    return ForwardRequest(model=model, images=images)


def random_images(count: int, seed: int = 0) -> np.ndarray:
    """(count, 3, 8, 8) uint8 below 250, so that none is poisoned."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 250, (count, 3, SIDE_PX, SIDE_PX), dtype=np.uint8)


def plain_forward(images: np.ndarray) -> np.ndarray:
    """The logits without the engine, in fp32."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        logits = Probe(Gate())((torch.tensor(images).float() / 255 - mean) / std)
    array: np.ndarray = logits.numpy()
    return array
