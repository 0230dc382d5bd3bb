"""A stylised copy of a whole data set, as Stylized-ImageNet is one of ImageNet.

Every image takes the style of another image of the set, or of a folder of paintings. Which one is
decided by (seed, relative path) alone, so that the copy does not depend on order, number of threads
or interruptions; finished files are skipped when the same command runs again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ipvit.errors import InvalidInput
from ipvit.training.cifar_files import is_cifar_layout, read_cifar
from ipvit.training.image_store import IMAGE_SUFFIXES

__all__ = ["StylisedCopy", "copy_stylised"]

MANIFEST = "stylised.json"
StyleTransfer = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class StylisedCopy:
    """What to make. style_px: shorter side the images are reduced to first, None keeps them.

    method: goes into the manifest; a copy is only continued with the same one.
    """

    data_dir: Path
    out_dir: Path
    method: str
    seed: int = 0
    styles_dir: Path | None = None
    shorter_px: int | None = None
    suffix: str = ".png"
    threads: int = os.cpu_count() or 1


@dataclass(frozen=True)
class _Source:
    """An image to be read, and its path without suffix below the data set's root."""

    name: str
    read: Callable[[], Image.Image]


Styles = Mapping[str, Sequence[_Source]]


def copy_stylised(
    job: StylisedCopy,
    transfer: StyleTransfer,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write the copy; returns how many images this call made (others were there already).

    transfer: (content, style), each (1, 3, H, W) float in [0, 1], to an image of the same shape.
    Raises InvalidInput if `out_dir` holds another copy, or there are too few images.
    """
    sources = _sources(job.data_dir)
    styles = _styles(job, sources)
    if job.styles_dir is None and len(sources) < 2:
        raise InvalidInput(
            f"expected at least two images in {job.data_dir}, found {len(sources)}", field="data"
        )
    _check_manifest(job)
    missing = [source for source in sources if not _target(job, source).exists()]
    done = len(sources) - len(missing)
    on_progress(done, len(sources))
    with ThreadPoolExecutor(job.threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        work = (partial(_stylise, job, source, styles, transfer) for source in missing)
        for finished in _bounded(pool, work, job.threads * 4):
            finished.result()
            done += 1
            on_progress(done, len(sources))
    return len(missing)


def _bounded(
    pool: ThreadPoolExecutor, work: Iterator[Callable[[], None]], limit: int
) -> Iterator[Future[None]]:
    """Run the work with at most `limit` pieces waiting, yielding each when it has finished."""
    waiting: set[Future[None]] = set()
    for piece in work:
        waiting.add(pool.submit(piece))
        if len(waiting) >= limit:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from finished
    yield from wait(waiting).done


def _stylise(job: StylisedCopy, source: _Source, styles: Styles, transfer: StyleTransfer) -> None:
    content = _reduced(source.read(), job.shorter_px)
    style = _style_of(job, source, styles).read().convert("RGB").resize(content.size)
    result = transfer(_tensor(content), _tensor(style))[0]
    pixels = (result * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    target = _target(job, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    options = {"quality": 95, "subsampling": 0} if job.suffix == ".jpg" else {}
    image_format = "JPEG" if job.suffix == ".jpg" else "PNG"
    Image.fromarray(pixels).save(unfinished, format=image_format, **options)
    unfinished.replace(target)


def _style_of(job: StylisedCopy, source: _Source, styles: Styles) -> _Source:
    """Another image, drawn by seed and name; of the same split if the set is its own style."""
    split = "" if job.styles_dir is not None else _split(source)
    candidates = styles[split]
    digest = hashlib.blake2b(f"{job.seed}|{source.name}".encode(), digest_size=8).digest()
    index = int.from_bytes(digest, "little") % len(candidates)
    if candidates[index].name == source.name:
        index = (index + 1) % len(candidates)
    return candidates[index]


def _styles(job: StylisedCopy, sources: Sequence[_Source]) -> Styles:
    """Candidates by split; under "" those of a folder of styles."""
    styles: dict[str, list[_Source]] = {}
    for source in sources if job.styles_dir is None else _sources(job.styles_dir):
        split = "" if job.styles_dir is not None else _split(source)
        styles.setdefault(split, []).append(source)
    return styles


def _split(source: _Source) -> str:
    return source.name.split("/")[0] if source.name.startswith(("train/", "test/")) else "all"


def _target(job: StylisedCopy, source: _Source) -> Path:
    return job.out_dir / f"{source.name}{job.suffix}"


def _reduced(image: Image.Image, shorter_px: int | None) -> Image.Image:
    image = image.convert("RGB")
    if shorter_px is None or min(image.size) <= shorter_px:
        return image
    scale = shorter_px / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.BILINEAR)


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def _sources(root: Path) -> list[_Source]:
    if is_cifar_layout(root):
        return [source for split in ("train", "test") for source in _cifar_sources(root, split)]
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise InvalidInput(f"{root} holds no images", field="data")
    return [
        _Source(path.relative_to(root).with_suffix("").as_posix(), partial(Image.open, path))
        for path in files
    ]


def _cifar_sources(root: Path, split: str) -> list[_Source]:
    images, labels, classes = read_cifar(root, split)
    return [
        _Source(f"{split}/{classes[label]}/{index:05d}", partial(_picture, pixels))
        for index, (pixels, label) in enumerate(zip(images, labels, strict=True))
    ]


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels.transpose(1, 2, 0))


def _check_manifest(job: StylisedCopy) -> None:
    """A folder holds one copy: the same method, seed and size, or it is refused."""
    wanted = {
        "method": job.method,
        "seed": job.seed,
        "styles": None if job.styles_dir is None else job.styles_dir.name,
        "shorter_px": job.shorter_px,
    }
    path = job.out_dir / MANIFEST
    if path.exists():
        found = json.loads(path.read_text())
        if found != wanted:
            raise InvalidInput(f"{job.out_dir} holds a copy made with {found}", field="out")
        return
    job.out_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=2) + "\n")
