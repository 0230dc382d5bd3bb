from pathlib import Path

import pytest

from ipvit.errors import InvalidInput
from ipvit.models.specs import labels_of, load_user_specs

MINE = """
[mine]
architecture = "timm:vit_tiny_patch16_224"
weights = "weights/mine.safetensors"
num_classes = 2
labels = "names.txt"
patch_px = 16
depth = 12
heads = 3
[theirs]
architecture = "torchvision:resnet18"
weights = "https://example.org/theirs.pth"
num_classes = 1000
labels = "imagenet"
state_dict_key = "model"
options = { zero_init_residual = true }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "models.toml"
    path.write_text(text)
    return path


def test_a_users_models_are_read(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    mine, theirs = load_user_specs(write(tmp_path, MINE))
    assert mine.weights.file == str(tmp_path / "weights/mine.safetensors")
    assert mine.weights.source == "file"
    assert mine.prefix_tokens == 1
    assert mine.tokens == ("cls",)
    assert mine.architecture_options["num_classes"] == 2
    assert labels_of(mine) == ("cat", "dog")
    assert mine.preprocessing.describe().startswith("resize shorter side to 256 px")
    assert theirs.weights.source == "url"
    assert theirs.weights.state_dict_key == "model"
    assert theirs.architecture_options["zero_init_residual"] is True
    assert not theirs.has_attention


BASE = 'architecture = "timm:x"\nweights = "w.pth"\nnum_classes = 2\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a", "not TOML"),
        ("a = 1", r"expected a table \[a\]"),
        ('[a]\narchitecture = "timm:x"', "expected the key 'weights'"),
        (f"[a]\n{BASE}patch = 3", "unknown key 'patch'; expected architecture"),
        (f"[a]\n{BASE}patch_px = 0", "expected patch_px to be a positive whole number, got 0"),
        (f"[a]\n{BASE}patch_px = true", "expected patch_px to be a positive whole number"),
        (f"[a]\n{BASE}patch_px = 999", "expected patch_px of at most 224, got 999"),
        (f"[a]\n{BASE}mean = [1, 2]", "expected mean to be three numbers"),
        (f'[a]\n{BASE}tokens = ["shape"]', "expected tokens to be"),
        (f'[a]\n{BASE}tokens = ["cls"]', "expected at most prefix_tokens = 0 tokens, got 1"),
        (f"[a]\n{BASE}patch_px = 16\ndepth = 12", "got heads = 0"),
        (f'[a]\n{BASE}labels = "none.txt"', "labels: .*No such file"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(InvalidInput, match=expected):
        load_user_specs(write(tmp_path, text))


def test_the_number_of_labels_is_checked(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\n")
    with pytest.raises(InvalidInput, match=r"expected 2 labels in .*, got 1"):
        load_user_specs(write(tmp_path, MINE))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_user_specs(tmp_path / "none.toml")
