"""What an evaluation costs, measured in a process of its own.

Run as `python -m benchmarks.evaluation_parts ORDER`, ORDER being a JSON object; prints one JSON
report. The evaluation and the bare forward pass of the same batches take turns, a part of the
data set each, so that whatever else the machine does meets both.
"""

import copy
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from benchmarks.models import RANDOM_MODELS
from ipvit.datasets.catalogue import open_path
from ipvit.datasets.dataset import Entry
from ipvit.datasets.decode_cache import PixelStore
from ipvit.datasets.label_mapping import map_labels
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import evaluate_range
from ipvit.experiments.experiment import Evaluation
from ipvit.experiments.pace import SteadyPace
from ipvit.experiments.patch_drop import PatchDropParams
from ipvit.experiments.subject import Subject
from ipvit.models.loading import load_model
from ipvit.models.precision import DTYPES
from ipvit.models.specs import MODELS, ModelSpec, WeightsSource
from ipvit.preprocessing import prepare

PART_IMAGES = 256

EXPERIMENT = EXPERIMENTS["patch-drop"]
LEVELS = PatchDropParams(runs=1)

Report = dict[str, Any]
Cost = tuple[float, float]


def cost_s(work: Callable[[], object]) -> Cost:
    """Wall and CPU seconds of `work`, all threads of this process together."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


class Job:
    """PatchDrop of a model on a folder, in ranges."""

    def __init__(self, spec: ModelSpec, folder: Path, cache: Path, order: Report) -> None:
        self.batch = int(order["batch"])
        self.dataset = open_path(folder, cache)
        self.labels = map_labels(self.dataset, spec)
        self.subject = Subject.load(
            spec, cache, precision=order["precision"], pace=SteadyPace(self.batch)
        )
        self.evaluation = Evaluation(spec, self.subject, lambda _: self.subject, None, 0)

    def run(self, pixels: PixelStore, start: int, stop: int, params: PatchDropParams) -> None:
        """Evaluate a range."""
        outcome = evaluate_range(
            EXPERIMENT,
            params,
            self.dataset,
            start,
            stop,
            evaluation=self.evaluation,
            pixels=pixels,
            labels_map=self.labels,
            batch_images=self.batch,
        )
        assert outcome.partial.images == stop - start

    def parts(self) -> list[tuple[int, int]]:
        """Ranges of whole batches."""
        step = max(1, PART_IMAGES // self.batch) * self.batch
        total = len(self.dataset)
        return [(start, min(start + step, total)) for start in range(0, total, step)]


class ScriptsWay:
    """One level as the paper's script works: fp32, every image decoded again, whole batches."""

    def __init__(self, module: torch.nn.Module, spec: ModelSpec, folder: Path, job: Job) -> None:
        self.module, self.view, self.folder, self.job = module, spec.preprocessing, folder, job
        self.mean = torch.tensor(self.view.mean).view(3, 1, 1)
        self.std = torch.tensor(self.view.std).view(3, 1, 1)
        self.readers = ThreadPoolExecutor(torch.get_num_threads())

    def run(self, start: int, stop: int) -> None:
        """Half of the patches dropped, images `start` to `stop`."""
        for first in range(start, stop, self.job.batch):
            entries = self.job.dataset.entries(first, min(first + self.job.batch, stop))
            images = np.stack(list(self.readers.map(self._read, entries)))
            pixels = torch.from_numpy(images).float() / 255
            for image in pixels:
                for patch in torch.randperm(196)[:98].tolist():
                    top, left = 16 * (patch // 14), 16 * (patch % 14)
                    image[:, top : top + 16, left : left + 16] = 0
            with torch.inference_mode():
                self.module((pixels - self.mean) / self.std).argmax(1)

    def _read(self, entry: Entry) -> npt.NDArray[np.uint8]:
        return prepare(Image.open(self.folder / entry.path).convert("RGB"), self.view)


def speed(order: Report) -> Report:
    """10 levels of random PatchDrop, DeiT-T's architecture: cold, warm, and the bare forward.

    Beside them one level as a script does it.

    Warm, which is the same job once more with the images in the cache, is timed for the first part
    of the data set only.
    """
    spec = next(spec for spec in RANDOM_MODELS if spec.name == "random_deit_t")
    cache = Path(order["cache"])
    job = Job(spec, Path(order["folder"]), cache, order)
    precision = job.subject.precision
    plain = load_model(spec, cache_dir=cache)
    bare = copy.deepcopy(plain).to(DTYPES[precision])
    side_px, dtype = spec.input_px, DTYPES[precision]
    variants = EXPERIMENT.forwards(LEVELS, spec)

    def forward(images: int) -> None:
        """The batches that `job.run` passes on, already normalised."""
        with torch.inference_mode():
            for start in range(0, images, job.batch):
                pixels = torch.rand(min(job.batch, images - start), 3, side_px, side_px).to(dtype)
                for _ in range(variants):
                    bare(pixels)

    script = ScriptsWay(plain, spec, Path(order["folder"]), job)
    forward(1)
    job.subject.logits(torch.zeros(1, 3, side_px, side_px, dtype=torch.uint8))
    script.run(0, 1)
    costs: dict[str, list[Cost]] = {"script": [], "bare": [], "cold": [], "warm": []}
    with PixelStore(job.dataset, cache) as pixels:
        for start, stop in job.parts():
            costs["script"].append(cost_s(lambda a=start, b=stop: script.run(a, b)))  # type: ignore[misc]
            costs["bare"].append(cost_s(lambda n=stop - start: forward(n)))  # type: ignore[misc]
            costs["cold"].append(cost_s(lambda a=start, b=stop: job.run(pixels, a, b, LEVELS)))  # type: ignore[misc]
        decoded = pixels.decoded
    first, *others = job.parts()
    with PixelStore(job.dataset, cache) as again:
        costs["warm"].append(cost_s(lambda: job.run(again, *first, LEVELS)))
        for start, stop in others:
            again.read(start, stop, spec.preprocessing)
        decoded_again = again.decoded
    report: Report = {
        "precision": precision,
        "images": len(job.dataset),
        "variants": variants,
        "batch": job.batch,
        "threads": torch.get_num_threads(),
        "decoded": decoded,
        "decoded_again": decoded_again,
        **_decoding(job),
    }
    for name, taken in costs.items():
        wall_s, cpu_s = (sum(values) for values in zip(*taken, strict=True))
        report |= {f"{name}_wall_s": wall_s, f"{name}_cpu_s": cpu_s}
    return report | {"warm_images": first[1], "warm_bare_wall_s": costs["bare"][0][0]}


def _decoding(job: Job) -> Report:
    """Decoding and resizing each image once, nothing else going on."""
    view = job.evaluation.spec.preprocessing
    with (
        tempfile.TemporaryDirectory() as folder,
        PixelStore(job.dataset, Path(folder)) as pixels,
    ):

        def read() -> None:
            for start, stop in job.parts():
                pixels.read(start, stop, view)

        wall_s, cpu_s = cost_s(read)
    return {"decoding_wall_s": wall_s, "decoding_cpu_s": cpu_s}


def memory(order: Report) -> Report:
    """The most memory that an evaluation of many tiny images holds."""
    _forget_peak()
    cache = Path(order["cache"])
    job = Job(_tiny_spec(), Path(order["folder"]), cache, order)
    before_mb = _peak_mb()
    started_s = time.perf_counter()
    with PixelStore(job.dataset, cache) as pixels:
        job.run(pixels, 0, len(job.dataset), PatchDropParams(ratios=(0.5,), runs=1))
    return {
        "images": len(job.dataset),
        "peak_mb": _peak_mb(),
        "peak_before_mb": before_mb,
        "seconds": time.perf_counter() - started_s,
    }


def _tiny_spec() -> ModelSpec:
    """One narrow block: the network is not what is measured."""
    pocket = MODELS["pocket_deit"]
    options = dict(pocket.architecture_options)
    options |= {"depth": 1, "embed_dim": 12, "num_heads": 1, "patch_size": 16}
    return replace(
        pocket,
        name="tiny",
        architecture_options=MappingProxyType(options),
        depth=1,
        heads=1,
        patch_px=16,
        weights=WeightsSource(source="random", licence="none"),
    )


def _forget_peak() -> None:
    """A process begins with the peak of the one that started it."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Answer one order."""
    order = json.loads(sys.argv[1])
    np.seterr(all="raise")
    print(json.dumps({"speed": speed, "memory": memory}[order["measure"]](order)), flush=True)


if __name__ == "__main__":
    main()
