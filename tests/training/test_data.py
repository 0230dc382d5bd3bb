"""Image folders, CIFAR layouts, their cache, and augmentation by key."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ipvit.errors import InvalidInput
from ipvit.training.augmentation import alternating_flip, augment, epoch_order, mixup
from ipvit.training.image_store import open_image_set
from ipvit.training.recipes import Augmentation


def test_a_folder_is_decoded_once(tiny_data, tmp_path):
    seen = []
    first = open_image_set(tiny_data, "train", 32, tmp_path, lambda *count: seen.append(count))
    again = open_image_set(tiny_data, "train", 32, tmp_path, lambda *count: seen.append(count))
    assert seen[-1] == (30, 30)
    assert len(seen) == 30
    assert first.images.shape == (30, 3, 32, 32)
    assert np.array_equal(first.images, again.images)
    assert first.fingerprint == again.fingerprint
    assert first.classes[3] == "cat"
    assert first.labels.tolist() == sorted(first.labels.tolist())


def test_a_folder_without_splits_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="train/ and test/"):
        open_image_set(tmp_path, "train", 32, tmp_path)


def write_cifar(root, draw):
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        batch = {
            "data": draw.integers(0, 256, (4, 3072), dtype=np.uint8),
            "labels": [0, 1, 2, 3],
        }
        (folder / name).write_bytes(pickle.dumps(batch))
    meta = {"label_names": [f"class{index}" for index in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta))
    return folder


def test_cifar_10_as_torchvision_leaves_it(tmp_path):
    folder = write_cifar(tmp_path, np.random.default_rng(0))
    data = open_image_set(tmp_path, "train", 32, tmp_path)
    assert len(data) == 8
    assert data.classes[9] == "class9"
    batch = pickle.loads((folder / "data_batch_1").read_bytes())
    assert np.array_equal(data.images[0].reshape(-1), batch["data"][0])
    assert open_image_set(tmp_path, "test", 24, tmp_path).images.shape == (4, 3, 24, 24)


def test_a_cifar_file_with_code_in_it_is_refused(tmp_path):
    folder = write_cifar(tmp_path, np.random.default_rng(0))
    (folder / "test_batch").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InvalidInput, match="only numpy arrays"):
        open_image_set(tmp_path, "test", 32, tmp_path)


CROPS = [
    Augmentation(crop="pad", flip=True),
    Augmentation(crop="resized", flip=True),
    Augmentation(crop="none"),
]


@pytest.mark.parametrize("augmentation", CROPS)
def test_augmentation_is_decided_by_its_key(augmentation):
    images, indices = torch.rand(6, 3, 16, 16), torch.arange(6)

    def run(seed=1, epoch=2, step=3):
        torch.rand(7)  # the global generator is none of its business
        return augment(images, indices, augmentation, seed=seed, epoch=epoch, step=step, px=16)

    assert torch.equal(run(), run())
    assert run().shape == images.shape
    assert run().min() >= 0
    assert run().max() <= 1
    if augmentation.crop != "none":
        assert not torch.equal(run(), run(step=4))
        assert not torch.equal(run(), run(seed=2))


def test_every_image_is_mirrored_in_turns():
    indices = torch.arange(1000)
    even, odd = alternating_flip(indices, 0, 4), alternating_flip(indices, 0, 5)
    assert torch.equal(even, ~odd)
    assert 400 < int(even.sum()) < 600


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 50), st.integers(0, 1000), st.integers(0, 1000))
def test_an_epoch_s_order_is_a_permutation(count, seed, epoch):
    assert epoch_order(count, seed, epoch).sort().values.tolist() == list(range(count))


def test_mixup_blends_and_leaves_the_global_generator():
    images = torch.rand(4, 3, 2, 2)
    before = torch.random.get_rng_state()
    mixed, order, share = mixup(images, 0.5, seed=0, epoch=0, step=0)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.allclose(mixed, share * images + (1 - share) * images[order], atol=1e-6)
