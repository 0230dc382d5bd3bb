from pathlib import Path

import pytest

from ipvit.experiments.subject import Subject
from tests.experiments.in_memory import MemorySet, subject_of
from tests.tiny_model import TINY


@pytest.fixture(scope="package")
def images(tmp_path_factory: pytest.TempPathFactory) -> MemorySet:
    """23 images with labels and masks."""
    root: Path = tmp_path_factory.mktemp("memory")
    return MemorySet(root, 23)


@pytest.fixture
def tiny_vit() -> Subject:
    """Two blocks of two heads, a class and a shape token, random weights."""
    return subject_of(TINY)
