"""Zips that nobody vouches for."""

import io
import stat
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.datasets.zip_intake import ZipLimits, unpack_zip
from ipvit.errors import InvalidDataset, StorageFull
from tests.datasets.folders import image_bytes, zip_of, zipped_classes

IMAGE = image_bytes(0)


def unpacked(folder: Path, data: bytes, limits: ZipLimits | None = None) -> list[str]:
    archive, target = folder / "upload.zip", folder / "out"
    archive.write_bytes(data)
    target.mkdir(exist_ok=True)
    unpack_zip(archive, target, limits)
    return sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())


def refused(folder: Path, data: bytes, complaint: str, limits: ZipLimits | None = None) -> None:
    with pytest.raises(InvalidDataset, match=complaint) as caught:
        unpacked(folder, data, limits)
    assert caught.value.field == "file"
    assert {path.name for path in folder.iterdir()} == {"upload.zip", "out"}


def test_images_and_lists_come_out_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "top/cat/a.JPG": IMAGE,
        "top/cat/.hidden.png": IMAGE,
        "top/__MACOSX/cat/._a.png": IMAGE,
        "__MACOSX/a.png": IMAGE,
        "top/evil.py": b"print()",
        "top/labels.csv": b"file,label\n",
        "top/classes.json": b"{}",
        "top/about.json": b"{}",
        "top/ImageSets/Segmentation/val.txt": b"a\n",
        "top/readme.txt": b"hello",
        "win\\dows\\b.png": IMAGE,
    }
    assert unpacked(tmp_path, zip_of(files)) == [
        "top/ImageSets/Segmentation/val.txt",
        "top/about.json",
        "top/cat/a.JPG",
        "top/classes.json",
        "top/labels.csv",
        "win/dows/b.png",
    ]
    assert (tmp_path / "out/top/cat/a.JPG").read_bytes() == IMAGE


@pytest.mark.parametrize(
    "name",
    [
        "../a.png",
        "a/../../b.png",
        "a/..",
        "/etc/a.png",
        "..\\a.png",
        "C:\\a.png",
        "C:a.png",
        "a/../b.png",
    ],
)
def test_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, zip_of({"cat/fine.png": IMAGE, name: IMAGE}), "names inside the archive")


@pytest.mark.parametrize("name", ["a\n.png", "a\x1b[31m.png", "a\u202egnp.exe.png"])
def test_names_that_cannot_be_shown_are_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, zip_of({name: IMAGE}), "printable names")


@pytest.mark.parametrize("name", ["a" * 256 + ".png", "a/" * 17 + "b.png", "ä" * 130 + ".png"])
def test_names_that_are_too_long_are_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path, zip_of({name: IMAGE}), "at most 255 bytes in at most 16 folders")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        member = zipfile.ZipInfo("cat/a.png")
        member.create_system = 3
        member.external_attr = (kind | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    refused(tmp_path, data.getvalue(), "a link or a device")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("cat/a.png", IMAGE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("cat/a.png", IMAGE)
    refused(tmp_path, data.getvalue(), "each name once")


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    files = {"cat.png": IMAGE, "cat.png/a.png": IMAGE}
    refused(tmp_path, zip_of(files), "a file or a folder, got both")


def test_limits_on_files_and_bytes(tmp_path: Path) -> None:
    data = zipped_classes(3)
    refused(tmp_path, data, "at most 5 images, got 6", ZipLimits(max_files=5))
    refused(tmp_path, data, "files of at most 100 bytes", ZipLimits(max_file_bytes=100))
    refused(tmp_path, data, "at most 2000 bytes", ZipLimits(max_total_bytes=2000))
    assert len(unpacked(tmp_path, data, ZipLimits(max_files=6))) == 6


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    refused(tmp_path, zip_of({"a.png": bytes(10**7)}), "100 times the archive's own size")
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png")) < 5 * 10**6


def lied(data: bytes, size: int) -> bytes:
    """The archive, with another uncompressed size of its first member in the table of contents."""
    changed = bytearray(data)
    entry = changed.index(b"PK\x01\x02")
    changed[entry + 24 : entry + 28] = struct.pack("<I", size)
    return bytes(changed)


def test_a_member_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    data = lied(zip_of({"a.png": IMAGE * 50}), 10)
    with pytest.raises(InvalidDataset):
        unpacked(tmp_path, data)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png")) <= 10


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    # One member's bytes, listed again and again: each is small, together they are a bomb.
    data = zip_of({"a000.png": bytes(100_000)})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    entries = b"".join(entry.replace(b"a000", b"a%03d" % number) for number in range(900))
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 900, 900, len(entries), start, 0)
    with pytest.raises(InvalidDataset):
        unpacked(tmp_path, data[:start] + entries + tail)


def test_a_password_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a.png": IMAGE}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    refused(tmp_path, bytes(data), "without a password")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_hardly_anyone_uses_are_refused(tmp_path: Path, method: int) -> None:
    refused(tmp_path, zip_of({"a.png": IMAGE}, method), f"stored or deflated, got method {method}")


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", IMAGE, zip_of({})])
def test_what_is_no_zip_of_images_is_refused(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, data, "expected a (whole zip|zip of images)")


def test_a_zip_without_images_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, zip_of({"notes.txt": b"hello"}), "a zip of images, found none")


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    data = bytearray(zip_of({"cat/a.png": IMAGE}, zipfile.ZIP_STORED))
    data[data.index(IMAGE) + 40] ^= 1
    refused(tmp_path, bytes(data), r"'cat/a\.png' cannot be read: Bad CRC-32")


def test_a_huge_table_of_contents_is_not_even_read(tmp_path: Path) -> None:
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, 30 * 2**20, 0, 0)
    refused(tmp_path, bytes(30 * 2**20) + tail, "table of contents is too long")


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    declared = 0xFFFFFFF0
    members = disk_usage(tmp_path).free // declared + 1
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(members):
            archive.writestr(f"{number:04d}.png", b"")
    table = data.getvalue()
    for _ in range(members):
        start, _, rest = table.partition(b"PK\x01\x02")
        table = start + b"PK\x01\x03" + rest[:20] + struct.pack("<I", declared) + rest[24:]
    limits = ZipLimits(max_file_bytes=2**40, max_total_bytes=2**62)
    with pytest.raises(StorageFull, match="expected room for"):
        unpacked(tmp_path, table.replace(b"PK\x01\x03", b"PK\x01\x02"), limits)
    assert list((tmp_path / "out").iterdir()) == []


WHOLE = zipped_classes(2, "top/")


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=8
    ),
    cut=st.integers(0, len(WHOLE)),
)
def test_whatever_is_broken_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    folder = tmp_path_factory.mktemp("zip")
    with suppress(InvalidDataset):
        unpacked(folder, bytes(data[: cut if cut % 3 == 0 else len(data)]))
    assert {path.name for path in folder.iterdir()} == {"upload.zip", "out"}
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 10**6
