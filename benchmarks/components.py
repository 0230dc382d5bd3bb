"""What each part costs alone, measured in a process of its own.

Run as `python -m benchmarks.components`: reads one JSON order a line, answers one JSON report a
line. CPU costs are taken with all cores at work, each on a part of its own, because that is the
cheapest way this machine has; times for one caller are wall time.
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.machine import cores
from benchmarks.models import RANDOM_MODELS
from benchmarks.photos import photos
from ipvit.analyses.forward import AttentionQuery
from ipvit.images import decode_image
from ipvit.models.loading import load_model
from ipvit.models.precision import DTYPES, choose_precision
from ipvit.models.specs import MODELS, ModelSpec
from ipvit.preprocessing import prepare
from ipvit.registry import Registry
from workers.network import Network

BATCH = 16
FIFTY = 50
CACHE_DIR = Path("~/.cache/ipvit").expanduser()

Report = dict[str, Any]


class Bare:
    """A model as its library makes it, beside the same weights as the engine runs them."""

    def __init__(self, spec: ModelSpec) -> None:
        precision = choose_precision("auto", "cpu")
        self.spec, self.dtype = spec, DTYPES[precision]
        self.module: nn.Module = load_model(spec, cache_dir=CACHE_DIR).to(self.dtype)
        engine_module = load_model(spec, cache_dir=CACHE_DIR)
        self.network = Network(spec, engine_module, device="cpu", precision=precision)

    def pixels(self, count: int) -> torch.Tensor:
        return torch.rand(count, 3, self.spec.input_px, self.spec.input_px).to(self.dtype)

    def images(self, count: int) -> np.ndarray:
        side_px = self.spec.input_px
        return np.random.default_rng(0).integers(0, 256, (count, 3, side_px, side_px), np.uint8)

    def plain(self, pixels: torch.Tensor) -> None:
        with torch.inference_mode():
            self.module(pixels)

    def engine(self, images: np.ndarray) -> None:
        self.network.forward(images, None, lane=0)


def core_ms(work: Callable[[], None], *, units: int, seconds: float) -> float:
    """CPU milliseconds a unit of `work` takes with every core doing it."""
    until_s = [0.0]
    done = [0] * cores()
    begin = threading.Barrier(cores() + 1)

    def repeat(core: int) -> None:
        torch.set_num_threads(1)
        work()
        begin.wait()
        while time.perf_counter() < until_s[0]:
            work()
            done[core] += units

    threads = [threading.Thread(target=repeat, args=(core,)) for core in range(cores())]
    for thread in threads:
        thread.start()
    until_s[0] = time.perf_counter() + 3600
    begin.wait()
    cpu_s, until_s[0] = time.process_time(), time.perf_counter() + seconds
    for thread in threads:
        thread.join()
    return 1000 * (time.process_time() - cpu_s) / sum(done)


def wall_ms(work: Callable[[], None], *, seconds: float, threads: int) -> float:
    """Median milliseconds of `work` alone on the machine."""
    torch.set_num_threads(threads)
    work()
    times_s: list[float] = []
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s or len(times_s) < 3:
        started_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - started_s)
    return 1000 * statistics.median(times_s)


def batched(bare: Bare, seconds: float) -> Report:
    """The batched forward pass: CPU time an image, as timm makes it and as the engine runs it.

    The engine's share includes normalising, the bare one does not.
    """
    pixels, images = bare.pixels(BATCH), bare.images(BATCH)
    return {
        "plain_core_ms": core_ms(lambda: bare.plain(pixels), units=BATCH, seconds=seconds),
        "engine_core_ms": core_ms(lambda: bare.engine(images), units=BATCH, seconds=seconds),
    }


def decoding(bare: Bare, seconds: float) -> Report:
    """Decoding a photo and preparing it for the model."""
    files = photos()

    def once() -> None:
        for file in files:
            prepare(decode_image(file).image, bare.spec.preprocessing)

    return {
        "core_ms": core_ms(once, units=len(files), seconds=seconds),
        "wall_ms": wall_ms(once, seconds=seconds / 2, threads=1) / len(files),
    }


def single(bare: Bare, seconds: float) -> Report:
    """One image alone: on one core and on all."""
    pixels = bare.pixels(1)
    return {
        "one_core_ms": wall_ms(lambda: bare.plain(pixels), seconds=seconds / 2, threads=1),
        "all_cores_ms": wall_ms(lambda: bare.plain(pixels), seconds=seconds / 2, threads=cores()),
    }


def fifty(bare: Bare, seconds: float) -> Report:
    """Fifty images: in one pass over all cores, and a share on each core."""
    pixels = bare.pixels(FIFTY)
    shares = pixels.chunk(cores())

    def on_a_core(share: torch.Tensor) -> None:
        torch.set_num_threads(1)
        bare.plain(share)

    def side_by_side() -> None:
        threads = [threading.Thread(target=on_a_core, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return {
        "one_pass_ms": wall_ms(lambda: bare.plain(pixels), seconds=seconds, threads=cores()),
        "side_by_side_ms": wall_ms(side_by_side, seconds=seconds, threads=cores()),
    }


def capture(bare: Bare, seconds: float) -> Report:
    """The engine's pass that captures the class token's last attention, beside the bare one."""
    if not bare.spec.has_attention:
        return {}
    query = AttentionQuery(layers=(bare.spec.depth - 1,))
    report: Report = {}
    for count in (1, BATCH):
        images, pixels = bare.images(count), bare.pixels(count)
        works: tuple[Callable[[], object], ...] = (
            partial(bare.plain, pixels),
            partial(bare.network.forward, images, query, lane=0),
        )
        plain: list[float] = []
        captured: list[float] = []
        torch.set_num_threads(1)
        until_s = time.perf_counter() + seconds / 2
        while time.perf_counter() < until_s or len(plain) < 3:
            for work, times in zip(works, (plain, captured), strict=True):
                started_s = time.thread_time()
                work()
                times.append(time.thread_time() - started_s)
        report[f"ratio_of_{count}"] = statistics.median(captured) / statistics.median(plain)
    return report


MEASURES: dict[str, Callable[[Bare, float], Report]] = {
    "batched": batched,
    "decoding": decoding,
    "single": single,
    "fifty": fifty,
    "capture": capture,
}


def main() -> None:
    """Answer orders until standard input ends."""
    specs = Registry("model", (*MODELS.values(), *RANDOM_MODELS))
    loaded: dict[str, Bare] = {}
    for line in sys.stdin:
        order = json.loads(line)
        name = order["model"]
        if name not in loaded:
            loaded[name] = Bare(specs[name])
        report = MEASURES[order["measure"]](loaded[name], order["seconds"])
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
