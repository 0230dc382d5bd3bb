"""Files beside the images: what the data set is (`about.json`) and how its classes map."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ipvit.errors import InvalidDataset

__all__ = [
    "ABOUT_FILE",
    "MAPPING_FILES",
    "About",
    "mapping_file_of",
    "read_about",
    "sidecar_digest",
]

ABOUT_FILE = "about.json"
MAPPING_FILES = ("classes.json", "classes.csv")


@dataclass(frozen=True)
class About:
    """What people should know of a data set; every field may be empty."""

    title: str = ""
    description: str = ""
    credit: str = ""
    licence: str = ""


def read_about(root: Path) -> About:
    """What `about.json` says, an empty `About` if there is none.

    Raises InvalidDataset if it is no JSON object of strings.
    """
    path = root / ABOUT_FILE
    if not path.is_file():
        return About()
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidDataset(f"expected {ABOUT_FILE} to be JSON: {error}") from error
    if not isinstance(said, dict):
        raise InvalidDataset(f"expected a JSON object in {ABOUT_FILE}, got {type(said).__name__}")
    return About(**{name: str(said.get(name, ""))[:2000] for name in About.__dataclass_fields__})


def mapping_file_of(root: Path) -> Path | None:
    """The file that maps the data set's classes to a model's, None if there is none."""
    return next((root / name for name in MAPPING_FILES if (root / name).is_file()), None)


def sidecar_digest(root: Path) -> str:
    """SHA-256 of the mapping file, part of the fingerprint since accuracy depends on it."""
    path = mapping_file_of(root)
    if path is None:
        return ""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidDataset(f"cannot read {path.name}: {error.strerror}") from error
