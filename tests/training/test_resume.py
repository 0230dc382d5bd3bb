"""A resumed run is the unbroken run, bit for bit; a diverged one keeps its checkpoint."""

import dataclasses

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from ipvit.errors import InvalidInput, TrainingDiverged
from ipvit.training.image_store import open_image_set
from ipvit.training.recipes import RECIPES, Optimisation
from ipvit.training.run import Listeners, TrainingRequest, train_recipe
from ipvit.training.session import CHECKPOINT, run_epochs
from ipvit.training.setup import build_trainer


class Interrupted(Exception):
    """Stands for a power cut."""


def small_vit(**changes):
    recipe = RECIPES["vit"]
    options = {**recipe.architecture_options, "depth": 2, "embed_dim": 48}
    return dataclasses.replace(
        recipe, architecture_options=options, epochs=3, batch_size=10, **changes
    )


@pytest.mark.parametrize(
    "recipe",
    [
        small_vit(),
        dataclasses.replace(RECIPES["pocket_cnn"], epochs=3, batch_size=10),
    ],
    ids=["vit-muon-average-mixup", "cnn-sgd"],
)
def test_resume_is_the_unbroken_run(recipe, tiny_data, tmp_path):
    whole = TrainingRequest(recipe, tiny_data, tmp_path / "whole", tmp_path, seed=3)
    broken = dataclasses.replace(whole, out_dir=tmp_path / "broken")

    def cut(report):
        if report.epoch == 1 and report.step == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_recipe(broken, Listeners(on_step=cut))
    resumed = load_file(train_recipe(dataclasses.replace(broken, resume=True)))
    unbroken = load_file(train_recipe(whole))
    assert resumed.keys() == unbroken.keys()
    for name, value in unbroken.items():
        assert torch.equal(resumed[name], value), name


def test_another_run_s_checkpoint_is_refused(tiny_data, tmp_path):
    request = TrainingRequest(small_vit(), tiny_data, tmp_path, tmp_path, epochs=1)
    train_recipe(request)
    with pytest.raises(InvalidInput, match="expected"):
        train_recipe(dataclasses.replace(request, seed=1, resume=True))


def test_a_loss_that_is_no_number_stops_and_names_the_last_checkpoint(tiny_data, tmp_path):
    data = open_image_set(tiny_data, "train", 32, tmp_path)
    trainer = build_trainer(small_vit(), data, Fabric(accelerator="cpu", devices=1), seed=0)

    def poison(report):
        if report.epoch == 1:
            with torch.no_grad():
                trainer.model.head.weight.fill_(float("nan"))

    trainer.on_step = poison
    with pytest.raises(TrainingDiverged, match=f"last good checkpoint.*{CHECKPOINT}"):
        run_epochs(trainer, data, tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert state["epochs_done"] == 1
    assert torch.isfinite(state["model"]["head.weight"]).all()


def test_adamw_alone_trains_too(tiny_data, tmp_path):
    recipe = small_vit(optimisation=Optimisation("adamw", lr=1e-3, clip_norm=1.0))
    assert train_recipe(TrainingRequest(recipe, tiny_data, tmp_path, tmp_path, epochs=1)).exists()
