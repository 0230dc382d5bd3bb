"""One caller's use of the engine: its deadline, and a way to call everything off.

An analysis may submit several forward requests. When the caller has gone, `Call.cancel` cancels
those that wait and refuses new ones, so that the analysis ends at its next step.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from ipvit.analyses.forward import AnalysisContext, ForwardRequest, ForwardResult
from ipvit.errors import DeadlineExceeded
from ipvit.images import DecodedImage, ImageLimits
from ipvit.models.model_spec import ModelSpec
from workers.intake import Intake
from workers.photo import Photo
from workers.runtime import Runtime

MASK_PIXELS = 4_000_000


class Call:
    """Implements `ipvit.analyses.forward.Forward` for one request of one caller.

    deadline_s: how long from now the answer is worth having, None for ever.
    saliency_model: the configured one, None for the default.
    """

    def __init__(
        self,
        runtime: Runtime,
        intake: Intake,
        *,
        deadline_s: float | None = None,
        saliency_model: str | None = None,
    ) -> None:
        self._runtime = runtime
        self._intake = intake
        self._expires = None if deadline_s is None else time.monotonic() + deadline_s
        self._saliency_model = saliency_model
        self._futures: list[Future[ForwardResult]] = []
        self._cancelled = False
        self._announced = False
        self._lock = Lock()

    @property
    def context(self) -> AnalysisContext:
        """What the analyses of this call work with."""
        return AnalysisContext(
            specs=self._runtime.specs,
            is_ready=self._runtime.is_ready,
            forward=self,
            saliency_model=self._saliency_model,
        )

    def submit(self, request: ForwardRequest) -> Future[ForwardResult]:
        """Queue `request` with what is left of the deadline.

        Raises CancelledError once the call is cancelled, DeadlineExceeded once it is too late.
        """
        self.check()
        future = self._runtime.submit(request, self._left_s(), announced=self._announced)
        self._announced = False
        return self._watched(future)

    def photo(self, data: bytes, specs: Sequence[ModelSpec]) -> Photo:
        """The upload in `data` as these models will see it, not decoded yet."""
        return Photo(data, self._intake.limits, specs)

    def submit_photo(self, photo: Photo, spec: ModelSpec) -> Future[ForwardResult]:
        """Queue `photo` for one of its models, as `submit` does."""
        self.check()
        return self._watched(self._runtime.submit_photo(photo, spec, self._left_s()))

    def check(self) -> None:
        """Raise CancelledError or DeadlineExceeded if nobody waits for the answer any more."""
        if self._cancelled:
            raise CancelledError
        if self._expires is not None and time.monotonic() > self._expires:
            raise DeadlineExceeded("the deadline passed before the answer was computed")

    def cancel(self) -> None:
        """Call off what has not begun."""
        with self._lock:
            self._cancelled = True
            for future in self._futures:
                future.cancel()

    @contextmanager
    def decoded(self, data: bytes) -> Iterator[DecodedImage]:
        """The image in `data`; nothing is decoded for a caller who has gone."""
        self.check()
        self._runtime.announce()
        self._announced = True
        try:
            with self._intake.decoded(data) as image:
                yield image
        finally:
            if self._announced:
                self._runtime.withdraw()
                self._announced = False

    def _left_s(self) -> float | None:
        return None if self._expires is None else self._expires - time.monotonic()

    def _watched(self, future: Future[ForwardResult]) -> Future[ForwardResult]:
        """`future`, to be cancelled with the call."""
        with self._lock:
            self._futures.append(future)
            if self._cancelled:
                future.cancel()
        return future

    def mask_limits(self, image: DecodedImage) -> ImageLimits:
        """What a mask over `image` may measure: no more than the image, or than a screen."""
        pixels = max(image.width * image.height, MASK_PIXELS)
        return replace(self._intake.limits, max_pixels=pixels)
