import hashlib
import logging
import os
import resource
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.datasets.catalogue import open_path
from ipvit.datasets.decode_cache import PixelStore, chunk_images
from ipvit.datasets.index import IndexedDataset
from ipvit.images import decode_image
from ipvit.preprocessing import IMAGENET_224, POCKET_32, SEGMENTATION_512, Preprocessing, prepare
from tests.datasets.folders import class_folder, image_bytes

LARGE = 10**9
SMALL_PX = Preprocessing(10, 8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def dataset_of(folder: Path, images: int = 6) -> IndexedDataset:
    return open_path(class_folder(folder / "set", images), folder / "cache")


def store_of(dataset: IndexedDataset, folder: Path, limit: int = LARGE) -> PixelStore:
    return PixelStore(dataset, folder / "cache", limit, threads=2)


def expected(dataset: IndexedDataset, start: int, stop: int, how: Preprocessing) -> Any:
    files = [dataset.root / entry.path for entry in dataset.entries(start, stop)]
    return np.stack([prepare(decode_image(file.read_bytes()).image, how) for file in files])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[IndexedDataset, Path]:
    folder = tmp_path_factory.mktemp("shared")
    return dataset_of(folder, images=40), folder


@given(data=st.data(), how=st.sampled_from([POCKET_32, SMALL_PX, SEGMENTATION_512]))
def test_any_range_holds_the_pixels_of_the_preprocessing(
    shared: tuple[IndexedDataset, Path], data: st.DataObject, how: Preprocessing
) -> None:
    dataset, folder = shared
    start = data.draw(st.integers(0, 80))
    stop = data.draw(st.integers(start, min(80, start + 20)))
    with store_of(dataset, folder) as store:
        pixels = store.read(start, stop, how)
    assert pixels.kept.tolist() == list(range(start, stop))
    assert pixels.failed == {}
    assert pixels.images.dtype == np.uint8
    assert pixels.images.shape == (stop - start, 3, how.crop_px, how.crop_px)
    if stop > start:
        assert np.array_equal(pixels.images, expected(dataset, start, stop, how))


def test_each_image_is_decoded_once_and_by_the_second_store_never(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    with store_of(dataset, tmp_path) as first:
        for start in range(0, 12, 5):
            first.read(start, min(12, start + 5), POCKET_32)
        assert first.decoded == 12
    with store_of(dataset, tmp_path) as second:
        second.read(3, 12, POCKET_32)
        assert second.decoded == 0


def test_models_that_differ_only_in_mean_and_std_share_pixels(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    with store_of(dataset, tmp_path) as store:
        store.read(0, 12, POCKET_32)
        store.read(0, 12, replace(POCKET_32, mean=(0.0, 0.0, 0.0)))
        assert store.decoded == 12
        store.read(0, 12, replace(POCKET_32, resize_px=36))
        assert store.decoded == 24
        store.read(0, 12, replace(POCKET_32, squash=True))
        assert store.decoded == 36


def test_a_data_set_that_changed_is_decoded_anew(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    with store_of(dataset, tmp_path) as store:
        store.read(0, 12, POCKET_32)
    (dataset.root / "cat/000.png").write_bytes(image_bytes(77))
    changed = open_path(dataset.root, tmp_path / "cache")
    with store_of(changed, tmp_path) as store:
        assert np.array_equal(
            store.read(0, 3, POCKET_32).images, expected(changed, 0, 3, POCKET_32)
        )


def test_a_file_that_changes_after_indexing_is_not_kept_under_the_old_fingerprint(
    tmp_path: Path,
) -> None:
    dataset = dataset_of(tmp_path)
    path = dataset.root / "cat/000.png"
    original = path.read_bytes()
    path.write_bytes(image_bytes(77))
    with store_of(dataset, tmp_path) as store:
        assert store.read(0, 12, POCKET_32).failed == {
            0: "the file changed after the data set was indexed"
        }
        path.write_bytes(original)
        assert store.read(0, 12, POCKET_32).failed == {}


def test_chunks_are_a_power_of_two_whatever_the_machine() -> None:
    assert [chunk_images(how) for how in (POCKET_32, IMAGENET_224, SEGMENTATION_512)] == [
        1024,
        32,
        8,
    ]


def test_images_that_do_not_decode_are_left_out_and_named(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    whole = image_bytes(1, (64, 64), "JPEG")
    (root / "cat/002.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog/001.png").write_bytes(b"no image")
    (root / "dog/002.png").write_bytes(b"")
    dataset = open_path(root, tmp_path / "cache")
    for _ in range(2):
        with store_of(dataset, tmp_path) as store:
            pixels = store.read(1, 10, POCKET_32)
            assert pixels.kept.tolist() == [1, 3, 4, 5, 6, 9]
            assert list(pixels.failed) == [2, 7, 8]
            assert "empty file" in pixels.failed[8]
            assert np.array_equal(pixels.images[-1:], expected(dataset, 9, 10, POCKET_32))
    assert store.decoded == 0


def test_a_file_that_cannot_be_read_now_is_tried_again_later(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    (dataset.root / "cat/001.png").rename(tmp_path / "away.png")
    with store_of(dataset, tmp_path) as store:
        assert list(store.read(0, 12, POCKET_32).failed) == [1]
        (tmp_path / "away.png").rename(dataset.root / "cat/001.png")
        assert store.read(0, 12, POCKET_32).failed == {}


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 2), (0, 13)])
def test_a_range_outside_the_data_set_is_an_error(tmp_path: Path, start: int, stop: int) -> None:
    with (
        store_of(dataset_of(tmp_path), tmp_path) as store,
        pytest.raises(ValueError, match="range in 0 to 12"),
    ):
        store.read(start, stop, POCKET_32)


def chunks(folder: Path) -> list[Path]:
    return sorted((folder / "cache/decoded").rglob("*.px"))


@pytest.mark.parametrize("damage", ["cut", "flip", "header", "empty"])
def test_a_damaged_chunk_counts_as_absent(tmp_path: Path, damage: str) -> None:
    dataset = dataset_of(tmp_path)
    with store_of(dataset, tmp_path) as store:
        before = store.read(0, 12, POCKET_32).images
        (chunk,) = chunks(tmp_path)
        data = bytearray(chunk.read_bytes())
        if damage == "cut":
            del data[-10:]
        elif damage == "flip":
            data[-10] ^= 1
        elif damage == "header":
            data[20] ^= 0xFF
        else:
            data.clear()
        chunk.write_bytes(data)
        assert np.array_equal(store.read(0, 12, POCKET_32).images, before)
        assert store.decoded == 24
        store.read(0, 12, POCKET_32)
        assert store.decoded == 24


def test_the_least_recently_used_chunks_make_room(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, images=20)
    sizes = [Preprocessing(px, px, (0, 0, 0), (1, 1, 1)) for px in range(40, 52)]
    limit = 6 * 40 * 3 * 51**2
    with store_of(dataset, tmp_path, limit) as store:
        for age, how in enumerate(sizes):
            store.read(0, 40, how)
            for chunk in chunks(tmp_path):
                os.utime(chunk, (chunk.stat().st_atime, chunk.stat().st_mtime - 100))
            store.read(0, 1, sizes[0])
            total = sum(chunk.stat().st_size for chunk in chunks(tmp_path))
            assert total <= limit, age
        decoded = store.decoded
        store.read(0, 40, sizes[0])
        store.read(0, 40, sizes[-1])
        assert store.decoded == decoded
        store.read(0, 40, sizes[1])
        assert store.decoded == decoded + 40


def test_a_limit_of_zero_keeps_nothing_and_decodes_no_more_than_asked(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    with store_of(dataset, tmp_path, 0) as store:
        images = store.read(4, 7, POCKET_32).images
        assert np.array_equal(images, expected(dataset, 4, 7, POCKET_32))
        assert store.decoded == 3
    assert chunks(tmp_path) == []


def pixels_digest(root: Path) -> str:
    dataset = open_path(root, root.parent / "cache")
    digest = hashlib.sha256()
    with store_of(dataset, root.parent, limit=400_000) as store:
        for how in (POCKET_32, SMALL_PX):
            for start in range(0, len(dataset), 8):
                digest.update(store.read(start, start + 8, how).images.tobytes())
    return digest.hexdigest()


def read_without_room(root: Path) -> tuple[str, list[str]]:
    """Digest of the pixels and the warnings, in a process that can write no more than 1 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    log = logging.getLogger("ipvit")
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    return pixels_digest(root), said


def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set", images=20)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        digest, said = processes.submit(read_without_room, root).result()
    assert [message.split(":")[0] for message in said] == [
        "the index of set stays in memory",
        "decoded images are not kept, work goes on without",
    ]
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))
    assert digest == pixels_digest(root)


def test_a_cache_folder_that_cannot_be_made(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    (tmp_path / "cache/decoded").write_text("a file where the folder should be")
    with store_of(dataset, tmp_path) as store:
        assert len(store.read(0, 12, POCKET_32).images) == 12


def test_several_threads_decode_a_chunk_once(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    with store_of(dataset, tmp_path) as store:
        threads = [
            threading.Thread(target=store.read, args=(start, 12, POCKET_32)) for start in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.decoded == 12


def test_several_processes_share_the_cache(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, images=40)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        digests = set(processes.map(pixels_digest, [dataset.root] * 6))
    assert digests == {pixels_digest(dataset.root)}
    assert not list((tmp_path / "cache/decoded").rglob("*.part"))


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    left = tmp_path / "cache/decoded/some/.left.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    with store_of(dataset, tmp_path) as store:
        store.read(0, 12, POCKET_32)
    assert not left.exists()
