"""Every recipe runs a few steps on tiny data, and its record is complete."""

import dataclasses
import json
import math

import pytest
from safetensors.torch import load_file

from ipvit.errors import InvalidInput, UnknownName
from ipvit.models.architectures import build_architecture
from ipvit.training.recipes import RECIPES
from ipvit.training.run import TrainingRequest, train_recipe


def shortened(recipe, epochs=1, batch_size=15):
    """The same recipe in two steps an epoch, without other models' weights to start from."""
    return dataclasses.replace(recipe, epochs=epochs, batch_size=batch_size)


@pytest.fixture(scope="session")
def tiny_teacher(tiny_data, tmp_path_factory):
    """Weights and card of a CNN trained for two steps, as a teacher and a starting point."""
    torch_free = tmp_path_factory.mktemp("teacher")
    return train_recipe(
        TrainingRequest(shortened(RECIPES["pocket_cnn"]), tiny_data, torch_free, torch_free)
    )


@pytest.mark.parametrize("name", RECIPES)
def test_a_few_steps_of_every_recipe(name, tiny_data, tiny_teacher, tmp_path):
    recipe = dataclasses.replace(shortened(RECIPES[name]), init_from=None)
    weights_file = train_recipe(
        TrainingRequest(
            recipe,
            tiny_data,
            tmp_path,
            tmp_path / "cache",
            teacher=str(tiny_teacher),
            command="ipvit train",
        )
    )
    card = json.loads(weights_file.with_suffix(".json").read_text())
    tokens = {"cls", "second", "mean"} if "distilled" in recipe.architecture else {"cls"}
    assert set(card["test_accuracy"]) == tokens
    assert card["seed"] == 0
    assert card["classes"][0] == "airplane"
    assert len(card["data_fingerprints"]["train"]) == 64
    model = build_architecture(recipe.architecture, num_classes=10, **recipe.architecture_options)
    model.load_state_dict(load_file(weights_file))
    assert any((tmp_path / "tensorboard").iterdir())


def test_starting_from_other_weights_keeps_what_fits(tiny_data, tiny_teacher, tmp_path):
    recipe = dataclasses.replace(shortened(RECIPES["pocket_cnn"]), init_from=str(tiny_teacher))
    weights_file = train_recipe(TrainingRequest(recipe, tiny_data, tmp_path, tmp_path))
    start, end = load_file(tiny_teacher), load_file(weights_file)
    assert (start["stem.weight"] - end["stem.weight"]).abs().max() < 0.5


def test_a_recipe_that_distils_refuses_a_teacher_with_other_classes(
    tiny_data, tiny_teacher, tmp_path
):
    card_file = tmp_path / "t.json"
    card = json.loads(tiny_teacher.with_suffix(".json").read_text())
    card["classes"] = card["classes"][:4]
    card_file.write_text(json.dumps(card))
    (tmp_path / "t.safetensors").write_bytes(tiny_teacher.read_bytes())
    request = TrainingRequest(
        shortened(RECIPES["pocket_deit"]),
        tiny_data,
        tmp_path,
        tmp_path,
        teacher=str(tmp_path / "t.safetensors"),
    )
    with pytest.raises(InvalidInput, match="10 classes"):
        train_recipe(request)


def test_unknown_recipes_offer_close_names():
    with pytest.raises(UnknownName, match="pocket_deit"):
        RECIPES["pocket_diet"]


def test_the_models_compared_under_occlusion_hide_nothing_in_training():
    for recipe in RECIPES.values():
        assert set(dataclasses.asdict(recipe.augmentation)) == {
            "crop",
            "pad_px",
            "scale",
            "flip",
            "mixup_alpha",
        }
        if recipe.name.startswith("pocket_"):
            assert math.isclose(recipe.augmentation.mixup_alpha, 0.0)


@pytest.mark.parametrize("name", ["pocket_cnn_sin", "pocket_deit_sin"])
def test_stylised_only_means_no_augmentation_no_smoothing(name):
    recipe = RECIPES[name]
    assert recipe.stylisation is not None
    assert recipe.augmentation.crop == "none"
    assert not recipe.augmentation.flip
    assert recipe.optimisation.label_smoothing == 0
