import os
import shutil
import sqlite3
import threading
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ipvit.datasets.catalogue import open_path
from ipvit.datasets.dataset import Entry
from ipvit.datasets.index import IndexedDataset
from ipvit.errors import InvalidDataset
from tests.datasets.folders import class_folder, image_bytes, voc_folder, write


def opened(root: Path) -> IndexedDataset:
    return open_path(root, root.parent / "cache")


def all_entries(dataset: IndexedDataset) -> list[Entry]:
    return list(dataset.entries(0, len(dataset)))


def test_entries_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    root = write(
        tmp_path / "set", ["b/2.png", "a b/1.png", "a/3.PNG", "a/deep/er/0.jpeg", "ä/1.gif"]
    )
    write(root, ["a/.hidden.png", "a/readme.txt", "__MACOSX/a/3.png"])
    dataset = opened(root)
    assert all_entries(dataset) == [
        Entry("a b/1.png", 1),
        Entry("a/3.PNG", 0),
        Entry("a/deep/er/0.jpeg", 0),
        Entry("b/2.png", 2),
        Entry("ä/1.gif", 3),
    ]
    assert dataset.classes == ("a", "a b", "b", "ä")
    assert (dataset.has_labels, dataset.has_masks, dataset.kind) == (True, False, "folder")


def test_entries_are_read_by_range(tmp_path: Path) -> None:
    dataset = opened(class_folder(tmp_path / "set", images=10))
    whole = all_entries(dataset)
    assert len(dataset) == len(whole) == 20
    assert list(dataset.entries(7, 13)) == whole[7:13]
    assert list(dataset.entries(5, 5)) == []


def test_a_csv_lists_files_and_labels(tmp_path: Path) -> None:
    root = write(tmp_path / "set", ["x.png", "sub/y.png", "unlisted.png"])
    (root / "labels.csv").write_text('﻿file,label,note\nx.png,"a, b",1\nsub/y.png, c ,2\n')
    dataset = opened(root)
    assert dataset.kind == "csv"
    assert dataset.classes == ("a, b", "c")
    assert all_entries(dataset) == [Entry("sub/y.png", 1), Entry("x.png", 0)]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("name,class\nx.png,a\n", "columns file and label.*got name, class"),
        ("", "got an empty file"),
        ("file,label\ngone.png,a\n", "the file 'gone.png'"),
        ("file,label\nx.png,\n", "line 2: expected a file and a label"),
        ("file,label\nx.png\n", "line 2: expected a file and a label"),
        ("file,label\n../x.png,a\n", "a path inside the data set"),
        ("file,label\n/etc/passwd,a\n", "a path inside the data set"),
        ("file,label\nx.png,a\n./x.png,b\n", "listed twice"),
        ("file,label\nsub,a\n", "an ordinary file"),
        ("file,label\n", "at least one image"),
        ('file,label\n"x.png,a\n', "as UTF-8 CSV"),
    ],
)
def test_a_csv_that_is_wrong_says_where(tmp_path: Path, table: str, complaint: str) -> None:
    root = write(tmp_path / "set", ["x.png", "sub/y.png"])
    (root / "labels.csv").write_text(table)
    with pytest.raises(InvalidDataset, match=complaint):
        opened(root)


def test_a_csv_in_another_encoding_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "set", ["x.png"])
    (root / "labels.csv").write_bytes("file,label\nx.png,für\n".encode("latin-1"))
    with pytest.raises(InvalidDataset, match="as UTF-8 CSV"):
        opened(root)


def test_voc_without_a_list_takes_what_has_a_mask(tmp_path: Path) -> None:
    root = voc_folder(tmp_path / "set")
    (root / "JPEGImages/unmasked.jpg").write_bytes(image_bytes(9))
    dataset = opened(root)
    assert (dataset.kind, dataset.has_labels, dataset.has_masks) == ("voc", False, True)
    assert dataset.classes == ()
    assert dataset.entries(1, 2) == [Entry("JPEGImages/b.jpg", None, "SegmentationClass/b.png")]
    assert len(dataset) == 3


def test_voc_takes_what_its_list_names(tmp_path: Path) -> None:
    root = voc_folder(tmp_path / "set")
    listed = root / "ImageSets/Segmentation/val.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("c\na\n\n")
    assert [entry.path for entry in all_entries(opened(root))] == [
        "JPEGImages/a.jpg",
        "JPEGImages/c.jpg",
    ]
    listed.write_text("nowhere\n")
    with pytest.raises(InvalidDataset, match=r"JPEGImages/nowhere\.jpg"):
        opened(root)
    listed.write_text("../../secret\n")
    with pytest.raises(InvalidDataset, match="inside the data set"):
        opened(root)


def test_the_fingerprint_is_of_contents_and_not_of_places_or_times(tmp_path: Path) -> None:
    first = opened(class_folder(tmp_path / "set"))
    shutil.copytree(tmp_path / "set", tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").rglob("*.png"):
        os.utime(path, (1, 1))
    assert opened(tmp_path / "elsewhere").fingerprint == first.fingerprint


def test_whatever_numbers_depend_on_changes_the_fingerprint(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    seen = [opened(root).fingerprint]

    def changed() -> bool:
        seen.append(opened(root).fingerprint)
        return len(set(seen)) == len(seen)

    (root / "cat/000.png").write_bytes(image_bytes(99))
    assert changed()
    (root / "cat/001.png").rename(root / "dog/001b.png")
    assert changed()
    (root / "dog/000.png").unlink()
    assert changed()
    (root / "classes.json").write_text('{"cat": 3, "dog": 5}')
    assert changed()


def test_a_mask_that_changes_changes_the_fingerprint(tmp_path: Path) -> None:
    root = voc_folder(tmp_path / "set")
    before = opened(root).fingerprint
    shutil.copyfile(root / "SegmentationClass/a.png", root / "SegmentationClass/b.png")
    assert opened(root).fingerprint != before


def test_an_index_is_built_once_and_only_changed_files_are_read_again(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    calls: list[tuple[int, int]] = []

    def index() -> str:
        calls.clear()
        return open_path(root, tmp_path / "cache", lambda *done: calls.append(done)).fingerprint

    before = index()
    assert calls == [(12, 12)]
    assert index() == before
    assert calls == []
    # An unreadable file would be noticed: its digest is taken from the old index.
    (root / "new").mkdir()
    (root / "new/0.png").write_bytes(image_bytes(50))
    stamp = (root / "cat/000.png").stat()
    (root / "cat/000.png").write_bytes(b"x" * stamp.st_size)
    os.utime(root / "cat/000.png", ns=(stamp.st_mtime_ns, stamp.st_mtime_ns))
    with_old_digest = index()
    assert calls
    shutil.rmtree(tmp_path / "cache")
    assert index() != with_old_digest


def test_a_data_set_that_is_open_stays_as_it_was_indexed(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    before = opened(root)
    entries = all_entries(before)
    write(root, ["cat/zzz.png"])
    after = opened(root)
    assert len(after) == len(before) + 1
    assert all_entries(before) == entries


def test_a_damaged_index_is_built_anew(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    before = opened(root).fingerprint
    (index,) = (tmp_path / "cache").rglob("index.sqlite")
    index.write_bytes(b"not a database, but long enough to look at" * 10)
    assert opened(root).fingerprint == before
    with sqlite3.connect(index) as repaired:
        repaired.execute("DROP TABLE facts")
    repaired.close()
    assert opened(root).fingerprint == before


def test_without_a_place_for_it_the_index_stays_in_memory(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    dataset = opened(class_folder(tmp_path / "set"))
    seen: list[Entry] = []
    thread = threading.Thread(target=lambda: seen.extend(dataset.entries(0, 100)))
    thread.start()
    thread.join()
    assert len(seen) == len(dataset) == 12


def test_links_that_lead_in_a_circle_are_refused(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    (root / "cat/again").symlink_to(root / "cat", target_is_directory=True)
    with pytest.raises(InvalidDataset, match="folders inside each other"):
        opened(root)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set")
    shutil.copyfile(root / "cat/000.png", os.fsencode(root / "cat") + b"/\xff.png")
    with pytest.raises(InvalidDataset, match="UTF-8"):
        opened(root)


def fingerprint_of(root: Path) -> str:
    return opened(root).fingerprint


def test_several_processes_may_index_at_once(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "set", images=40)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        found = set(processes.map(fingerprint_of, [root] * 6))
    assert found == {opened(root).fingerprint}
    assert [path.name for path in (tmp_path / "cache").rglob("*.sqlite")] == ["index.sqlite"]


def linked(root: Path, images: int) -> Path:
    """Many entries of one small file."""
    (root / "one").mkdir(parents=True)
    first = root / "one/first.png"
    first.write_bytes(image_bytes(0))
    for number in range(images):
        os.link(first, root / f"one/{number:06d}.png")
    return root


def peak_of_reading(root: Path) -> int:
    tracemalloc.start()
    dataset = opened(root)
    for start in range(0, len(dataset), 50):
        dataset.entries(start, start + 50)
    return tracemalloc.get_traced_memory()[1]


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    roots = [linked(tmp_path / str(images), images) for images in (1000, 6000)]
    # Processes of their own: servers of other tests allocate in this one.
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as processes:
        small, large = processes.map(peak_of_reading, roots)
    assert large < 1.25 * small
