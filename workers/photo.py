"""A photo that is decoded only when a network is about to see it."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from ipvit.images import ImageLimits, decode_image
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import prepare


class Photo:
    """An upload, and its inputs for `specs` once somebody has asked for one of them.

    Whoever asks first decodes, makes the inputs of all models and lets the decoded photo go. What
    cannot be decoded is not tried again.
    """

    def __init__(self, data: bytes, limits: ImageLimits, specs: Sequence[ModelSpec]) -> None:
        self.file_bytes = len(data)
        self.width = self.height = 0
        self.format = ""
        self._data, self._limits, self._specs = data, limits, specs
        self._inputs: dict[str, np.ndarray] = {}
        self._error: Exception | None = None
        self._lock = Lock()

    def input(self, spec: ModelSpec) -> np.ndarray:
        """uint8 (1, 3, H, W), from any thread; raises InvalidImage or ImageTooLarge."""
        with self._lock:
            if not self._inputs and self._error is None:
                try:
                    self._decode()
                except Exception as error:
                    self._error = error
        if self._error is not None:
            raise self._error
        return self._inputs[spec.name]

    def _decode(self) -> None:
        decoded = decode_image(self._data, self._limits, field="image")
        self.width, self.height, self.format = decoded.width, decoded.height, decoded.format
        self._inputs = {
            spec.name: prepare(decoded.image, spec.preprocessing)[None] for spec in self._specs
        }
