from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ipvit.errors import WeightsCorrupt, WeightsUnavailable
from ipvit.models.loading import build_model, is_ready, load_model, model_digest, weights_path
from ipvit.models.specs import MODELS, ModelSpec, WeightsSource
from tests.models.tiny import tiny

SMALL = tiny(MODELS["pocket_deit"])


def saved_as(path: Path, **source: object) -> ModelSpec:
    weights = WeightsSource("file", "none", file=str(path), state_dict_key=None)
    return replace(SMALL, weights=replace(weights, **source))


@pytest.mark.parametrize(
    "spec",
    [spec for spec in MODELS.values() if spec.name not in ("vit_b", "vit_l", "deit_b")],
    ids=lambda spec: spec.name,
)
def test_a_spec_describes_its_network(spec: ModelSpec) -> None:
    # RegNet computes its widths with tensors, which the meta device cannot.
    with torch.device("cpu" if "regnet" in spec.architecture else "meta"):
        network = build_model(spec)
    if spec.has_attention:
        assert len(network.blocks) == spec.depth
        assert network.blocks[0].attn.num_heads == spec.heads
        assert network.num_prefix_tokens == spec.prefix_tokens
        assert network.patch_embed.num_patches == spec.grid.cells
    head = list(network.state_dict().values())[-1]
    assert spec.num_classes in (0, head.shape[0])


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_a_network_answers_for_its_input_size(spec: ModelSpec) -> None:
    small = tiny(spec)
    model = load_model(small, cache_dir=Path("none"))
    with torch.inference_mode():
        answer = model(torch.zeros(2, 3, spec.input_px, spec.input_px))
    assert not model.training
    assert answer.shape[0] == 2
    assert answer.shape[1] == (spec.num_classes or model.embed_dim)


def test_random_weights_are_the_same_each_time_and_disturb_no_other_draw() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = build_model(SMALL).state_dict()
    assert torch.equal(torch.rand(1), expected)
    second = build_model(SMALL).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_weights_are_loaded_whole(tmp_path: Path) -> None:
    trained = build_model(replace(SMALL, name="another")).state_dict()
    save_file({key: value.half() for key, value in trained.items()}, tmp_path / "w.safetensors")
    loaded = load_model(saved_as(tmp_path / "w.safetensors"), cache_dir=tmp_path).state_dict()
    assert all(value.dtype == torch.float32 for value in loaded.values())
    assert all(torch.equal(loaded[key], trained[key].half().float()) for key in trained)


def test_missing_weights_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    spec = MODELS["deit_s"]
    assert not is_ready(spec, tmp_path)
    with pytest.raises(WeightsUnavailable, match="ipvit models pull deit_s"):
        load_model(spec, cache_dir=tmp_path)
    with pytest.raises(WeightsUnavailable, match="ipvit models pull deit_s"):
        model_digest(spec, tmp_path)


def test_random_weights_are_always_ready(tmp_path: Path) -> None:
    assert is_ready(SMALL, tmp_path)
    assert weights_path(SMALL, tmp_path) is None
    assert model_digest(SMALL, tmp_path) == "random"


def test_a_checkpoint_with_options_beside_the_weights_is_read(tmp_path: Path) -> None:
    import argparse

    weights = build_model(SMALL).state_dict()
    checkpoint = {"model": weights, "args": argparse.Namespace(lr=0.1), "epoch": 3}
    torch.save(checkpoint, tmp_path / "w.pth")
    load_model(saved_as(tmp_path / "w.pth", state_dict_key="model"), cache_dir=tmp_path)


def test_keys_are_renamed_and_ignored_as_documented(tmp_path: Path) -> None:
    weights = {f"backbone.{key}": value for key, value in build_model(SMALL).state_dict().items()}
    torch.save({**weights, "unused": torch.zeros(1)}, tmp_path / "w.pth")
    renamed = {"renamed_keys": ((r"^backbone\.", ""),), "ignored_keys": ("unused",)}
    load_model(saved_as(tmp_path / "w.pth", **renamed), cache_dir=tmp_path)
    with pytest.raises(WeightsCorrupt, match="1 unknown: unused"):
        load_model(
            saved_as(tmp_path / "w.pth", **renamed | {"ignored_keys": ()}), cache_dir=tmp_path
        )


def test_the_old_names_of_densenet_are_renamed() -> None:
    from ipvit.models.conversion import rename_keys

    old = {"features.denseblock1.denselayer2.norm.1.weight": torch.zeros(1)}
    (key,) = rename_keys(old, MODELS["densenet121"].weights)
    assert key == "features.denseblock1.denselayer2.norm1.weight"
    with torch.device("meta"):
        assert key in build_model(MODELS["densenet121"]).state_dict()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda weights: weights.pop("head.bias"), "1 missing: head.bias"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "1 unknown: extra"),
        (
            lambda weights: weights.update({"head.bias": torch.zeros(7)}),
            r"1 misshapen: head.bias expected \(10,\) got \(7,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change, expected: str) -> None:
    weights = dict(build_model(SMALL).state_dict())
    change(weights)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(WeightsCorrupt, match=expected):
        load_model(saved_as(tmp_path / "w.safetensors"), cache_dir=tmp_path)


class _Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code in a checkpoint ran",))


def test_code_in_a_checkpoint_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"model": _Harmful()}, tmp_path / "w.pth")
    with pytest.raises(WeightsCorrupt, match="cannot be read"):
        load_model(saved_as(tmp_path / "w.pth"), cache_dir=tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04broken"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsCorrupt, match="cannot be read"):
        load_model(saved_as(tmp_path / name), cache_dir=tmp_path)


def test_a_checkpoint_without_the_state_dict_says_what_it_holds(tmp_path: Path) -> None:
    torch.save({"weights": {}, "epoch": 1}, tmp_path / "w.pth")
    with pytest.raises(
        WeightsCorrupt, match=r"expected the entry 'model' in w\.pth, got the entries"
    ):
        load_model(saved_as(tmp_path / "w.pth", state_dict_key="model"), cache_dir=tmp_path)
    with pytest.raises(WeightsCorrupt, match=r"expected a state dict in w\.pth"):
        load_model(saved_as(tmp_path / "w.pth"), cache_dir=tmp_path)


def test_the_digest_is_that_of_the_file_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    spec = saved_as(path)
    path.write_bytes(b"a")
    first = model_digest(spec, tmp_path)
    path.write_bytes(b"bb")
    assert first.startswith("ca978112")
    assert model_digest(spec, tmp_path) != first
