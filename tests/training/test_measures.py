"""Losses, schedules and measures, against numbers worked out by hand."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ipvit.errors import InvalidInput
from ipvit.models.architectures import build_architecture
from ipvit.training.evaluation import token_names
from ipvit.training.image_store import ImageSet
from ipvit.training.initialisation import sinusoidal_positions, structure_attention, whiten_stem
from ipvit.training.objective import Targets, token_logits, training_loss
from ipvit.training.optimisation import MovingAverage, learning_rate_factor
from ipvit.training.pocket_report import Observer, measure_model, perturbations
from ipvit.training.pocket_shape_bias import CueConflictPhotos, open_cue_conflict, shape_bias
from ipvit.training.precision import fabric_precision
from ipvit.training.recipes import RECIPES, Distillation
from ipvit.training.teachers import Teacher, TrainedWeights


def targets(teacher=None):
    labels = torch.tensor([0])
    return Targets(labels, labels, 1.0, teacher)


def test_shape_distillation_is_half_label_half_the_teacher_s_decision():
    class_head, shape_head = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    teacher = torch.tensor([[-3.0, 5.0]])
    by_hand = 0.5 * math.log(1 + math.exp(-2)) + 0.5 * math.log(1 + math.exp(-1))
    loss = training_loss(
        (class_head, shape_head),
        targets(teacher),
        Distillation("any", token="second", weight=0.5, hard=True),
        label_smoothing=0.0,
    )
    assert float(loss) == pytest.approx(by_hand, abs=1e-6)


def test_soft_distillation_of_a_student_like_its_teacher_costs_nothing_more():
    student = torch.tensor([[1.0, -1.0]])
    soft = Distillation("any", weight=1.0, hard=False, temperature=2.0)
    assert float(training_loss((student,), targets(student), soft, 0.0)) == pytest.approx(
        0, abs=1e-6
    )
    with pytest.raises(InvalidInput, match="teacher"):
        training_loss((student,), targets(), soft, 0.0)


def test_mixed_labels_share_the_loss():
    logits = torch.tensor([[2.0, 0.0]])
    mixed = Targets(torch.tensor([0]), torch.tensor([1]), 0.25, None)
    by_hand = 0.25 * math.log(1 + math.exp(-2)) + 0.75 * math.log(1 + math.exp(2))
    assert float(training_loss((logits,), mixed, None, 0.0)) == pytest.approx(by_hand, abs=1e-6)


def test_the_learning_rate_rises_and_falls_to_nearly_nothing():
    factors = [learning_rate_factor(step, 99, 0.1) for step in range(99)]
    assert factors[9] == pytest.approx(1.0)
    assert factors[4] == pytest.approx(0.5)
    assert factors[54] == pytest.approx(0.5)
    assert factors[-1] == pytest.approx(1 / 90)


def test_the_moving_average_starts_quickly():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = MovingAverage(model, decay=0.99)
    nn.init.ones_(model.weight)
    average.update(model)
    assert float(average.state["weight"]) == pytest.approx(10 / 11)


def test_whitened_patches_are_white():
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(64, 3, 8, 8, generator=draw)
    images = images + images.roll(1, -1) + 2 * images[:, :1]
    stem = nn.Conv2d(3, 24, 2)
    whiten_stem(stem, images - images.mean())
    with torch.no_grad():
        answers = stem(images)[:, :12].transpose(0, 1).reshape(12, -1)
    covariance = torch.cov(answers)
    assert torch.allclose(covariance, torch.eye(12), atol=0.1)
    assert not stem.weight.requires_grad
    assert torch.equal(stem.weight[12:], -stem.weight[:12])


def test_structured_attention_looks_at_near_patches_first():
    recipe = RECIPES["pocket_deit"]
    model = build_architecture(recipe.architecture, num_classes=10, **recipe.architecture_options)
    structure_attention(model, torch.Generator().manual_seed(0))
    query, key, _ = model.blocks[0].attn.qkv.weight.detach().chunk(3)
    product = query[:64].T @ key[:64]
    assert product.diagonal().mean() > 10 * product.mean().abs()
    codes = sinusoidal_positions(8, 8, 192)
    near, far = codes[0] @ codes[1], codes[0] @ codes[63]
    assert near > far


def test_token_logits_are_not_averaged():
    recipe = RECIPES["pocket_deit_shape"]
    model = build_architecture(recipe.architecture, num_classes=10, **recipe.architecture_options)
    model.eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        class_head, second_head = token_logits(model, images)
        assert torch.allclose(model(images), (class_head + second_head) / 2, atol=1e-5)
    assert token_names(model) == ("cls", "second")


def test_shape_bias_counts_decisions():
    photos = CueConflictPhotos(
        images=np.zeros((4, 3, 32, 32), np.uint8),
        shape=np.array([3, 3, 5, 0]),
        texture=np.array([5, 5, 0, -1]),
    )
    decisions = np.array([3, 5, 5, 0])
    probabilities = np.eye(10)[decisions] + 2 * np.eye(10)[4]  # deer is no shared category
    bias = shape_bias(photos, probabilities)
    assert (bias.shape_decisions, bias.texture_decisions, bias.photos) == (2, 1, 3)
    assert bias.bias == pytest.approx(2 / 3)
    assert bias.shape_accuracy == pytest.approx(3 / 4)


def test_cue_conflict_photos_are_read_by_name(tmp_path):
    for name in ("cat1-dog2", "cat1-cat2", "boat3-elephant1", "clock1-cat1"):
        Image.new("RGB", (64, 64)).save(tmp_path / f"{name}.png")
    photos = open_cue_conflict(tmp_path)
    assert photos.shape.tolist() == [8, 3]
    assert photos.texture.tolist() == [-1, 5]
    with pytest.raises(InvalidInput, match="photos"):
        open_cue_conflict(tmp_path / "none")


def test_a_model_is_measured_under_every_condition():
    recipe = RECIPES["pocket_deit_shape"]
    torch.manual_seed(0)
    state = build_architecture(
        recipe.architecture, num_classes=10, **recipe.architecture_options
    ).state_dict()
    weights = TrainedWeights(
        "x",
        recipe.architecture,
        dict(recipe.architecture_options),
        10,
        32,
        recipe.mean,
        recipe.std,
        state,
        "0",
    )
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    test = ImageSet(images, np.arange(6), tuple("abcdefghij"), "")
    photos = CueConflictPhotos(images, np.array([3, 5, 0, 1, 2, 9]), np.array([5, 3, 1, 0, -1, 8]))
    measured = measure_model(Observer(Teacher(weights)), test, photos, seed=0)
    assert measured["accuracy"].keys() == {"cls", "shape", "mean"}
    assert measured["accuracy"]["cls"].keys() == perturbations(0).keys()
    assert -1 <= measured["token_cosine"] <= 1
    assert measured["parameters"] == 2_695_892
    json.dumps(measured)


def test_perturbations_are_exact_and_seeded():
    images = np.full((2, 3, 32, 32), 255, np.uint8)
    dropped = perturbations(0)["drop_0.25"](images, 10)
    assert (dropped == 0).mean() == 0.25
    assert np.array_equal(dropped, perturbations(0)["drop_0.25"](images, 10))
    assert not np.array_equal(dropped[0], dropped[1])
    assert not np.array_equal(dropped, perturbations(1)["drop_0.25"](images, 10))


def test_precision_by_name():
    assert fabric_precision("fp32", "cpu") == "32-true"
    assert fabric_precision("bf16", "cpu") == "bf16-mixed"
    assert fabric_precision("auto", "cpu") in ("32-true", "bf16-mixed")
    with pytest.raises(InvalidInput, match="fp8"):
        fabric_precision("fp8", "cpu")
