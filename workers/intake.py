"""Decoding under a bound: how many images at once, and how many decoded pixels are held.

A photo of 50 megapixels takes 150 MB decoded. `Intake` lets a few threads decode at a time, and
makes large images wait until earlier ones have been let go, so that memory does not grow with the
number of callers. A photo that a lane decodes does not pass here: each lane holds one at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition

from ipvit.images import DecodedImage, ImageLimits, decode_image


class Intake:
    """Decodes for all calls of a process.

    slots: images being decoded at once.
    held_pixels: decoded pixels of all calls together, by default two images at the limit; one
        image is always let in.
    """

    def __init__(
        self, limits: ImageLimits | None = None, *, slots: int, held_pixels: int | None = None
    ) -> None:
        self.limits = limits or ImageLimits()
        self._slots = BoundedSemaphore(slots)
        self._max_held = held_pixels or 2 * self.limits.max_pixels
        self._held = 0
        self._released = Condition()

    @contextmanager
    def decoded(self, data: bytes) -> Iterator[DecodedImage]:
        """The image in `data`, counted as held until the block ends.

        Raises InvalidImage or ImageTooLarge, both with field "image".
        """
        with self._slots:
            image = decode_image(data, self.limits, field="image")
            pixels = image.width * image.height
            with self._released:
                self._released.wait_for(lambda: self._fits(pixels))
                self._held += pixels
        try:
            yield image
        finally:
            with self._released:
                self._held -= pixels
                self._released.notify_all()

    def _fits(self, pixels: int) -> bool:
        return self._held == 0 or self._held + pixels <= self._max_held
