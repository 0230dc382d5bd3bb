import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from PIL import Image

from ipvit.errors import ImageTooLarge, InvalidImage
from ipvit.images import ImageLimits
from tests.workers.probe import WAIT_S
from workers.intake import Intake


def photo(width: int = 20, height: int = 10) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_decodes_within_its_limits() -> None:
    intake = Intake(ImageLimits(max_pixels=200), slots=1)
    with intake.decoded(photo()) as image:
        assert (image.width, image.height) == (20, 10)
    with pytest.raises(ImageTooLarge), intake.decoded(photo(21)):
        pass


def test_a_broken_image_gives_its_slot_back() -> None:
    intake = Intake(slots=1)
    for _ in range(3):
        with pytest.raises(InvalidImage), intake.decoded(b"no image"):
            pass
    with intake.decoded(photo()) as image:
        assert image.width == 20


def test_held_pixels_are_bounded(held: ExitStack) -> None:
    intake = Intake(slots=2, held_pixels=500)
    first, _second = (held.enter_context(ExitStack()) for _ in range(2))
    first.enter_context(intake.decoded(photo()))
    _second.enter_context(intake.decoded(photo()))
    third = threading.Event()

    def decode() -> None:
        with intake.decoded(photo()):
            third.set()

    waiting = threading.Thread(target=decode)
    waiting.start()
    assert not third.wait(0.05), "expected 600 pixels to be too many"
    first.close()
    assert third.wait(WAIT_S)
    waiting.join(WAIT_S)


def test_one_image_is_always_let_in() -> None:
    with Intake(slots=1, held_pixels=1).decoded(photo()) as image:
        assert image.height == 10
