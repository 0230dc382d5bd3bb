import dataclasses

import pytest

from ipvit.errors import UnknownName
from ipvit.grid import Grid
from ipvit.models.specs import MODELS, ModelSpec, labels_of

EACH_SPEC = pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)

PROMISED = {
    "pocket_deit",
    "pocket_deit_sin",
    "pocket_deit_shape",
    "pocket_deit_nopos",
    "pocket_cnn",
    "pocket_cnn_sin",
    "deit_t",
    "deit_s",
    "deit_b",
    "deit_t_dist",
    "deit_s_dist",
    "deit_b_dist",
    "deit_t_sin",
    "deit_s_sin",
    "deit_t_sin_dist",
    "deit_s_sin_dist",
    "deit_t_nopos",
    "deit_t_patch22",
    "deit_t_patch28",
    "deit_t_patch32",
    "deit_t_patch38",
    "dino_vit_s",
    "vit_t",
    "vit_s",
    "vit_b",
    "vit_l",
    "resnet50",
    "swin_t",
    "regnety_3_2gf",
    "vgg19",
    "densenet121",
    "squeezenet",
}


def test_every_promised_model_is_known() -> None:
    assert set(MODELS) == PROMISED


@EACH_SPEC
def test_a_spec_is_consistent(spec: ModelSpec) -> None:
    assert spec.preprocessing.crop_px == spec.input_px
    assert len(labels_of(spec)) == spec.num_classes
    assert len(spec.tokens) <= spec.prefix_tokens
    assert spec.has_attention == (spec.heads > 0)
    assert not spec.has_attention or 0 <= spec.fixed_head < spec.heads
    assert spec.title
    assert spec.paper
    assert spec.weights.licence


@EACH_SPEC
def test_a_url_names_its_hash_or_none_is_claimed(spec: ModelSpec) -> None:
    if spec.weights.source == "packaged":
        assert spec.weights.file == f"{spec.name}.safetensors"
        return
    assert spec.weights.url is not None
    assert spec.weights.url.startswith("https://")
    prefix = spec.weights.sha256_prefix
    assert prefix is None or spec.weights.url.endswith(f"-{prefix}.pth")
    assert prefix is None or len(prefix) == 8


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("pocket_deit", Grid(8, 8)),
        ("pocket_cnn", Grid(8, 8)),
        ("deit_s", Grid(14, 14)),
        ("resnet50", Grid(14, 14)),
        ("deit_t_patch22", Grid(10, 10)),
        ("deit_t_patch28", Grid(8, 8)),
        ("deit_t_patch32", Grid(7, 7)),
        ("deit_t_patch38", Grid(5, 5)),
    ],
)
def test_the_grid_is_the_whole_patches_of_the_input(name: str, grid: Grid) -> None:
    assert MODELS[name].grid == grid


def test_only_the_papers_vits_are_normalised_by_a_half() -> None:
    halves = [name for name, spec in MODELS.items() if spec.preprocessing.mean == (0.5, 0.5, 0.5)]
    assert halves == ["vit_t", "vit_s", "vit_b", "vit_l"]


def test_shape_tokens_are_where_the_paper_has_them() -> None:
    with_shape = [name for name, spec in MODELS.items() if "shape" in spec.tokens]
    assert with_shape == ["pocket_deit_shape", "deit_t_sin_dist", "deit_s_sin_dist"]


def test_a_close_name_is_offered() -> None:
    with pytest.raises(UnknownName) as caught:
        MODELS["deit_small"]
    assert "deit_s" in caught.value.matches


def test_labels_are_in_the_order_of_the_logits() -> None:
    imagenet = labels_of(MODELS["deit_s"])
    assert (imagenet[0], imagenet[207], imagenet[999]) == (
        "tench",
        "golden retriever",
        "toilet tissue",
    )
    assert labels_of(MODELS["pocket_deit"])[5] == "dog"
    assert labels_of(MODELS["dino_vit_s"]) == ()


def test_classes_without_names_are_numbered() -> None:
    spec = dataclasses.replace(MODELS["pocket_deit"], labels=None, num_classes=2)
    assert labels_of(spec) == ("class 0", "class 1")
