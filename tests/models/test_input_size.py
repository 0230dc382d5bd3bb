import pytest
import torch
from torch import nn

from ipvit.errors import InvalidInput
from ipvit.models.input_size import input_size, resample_positions
from ipvit.models.loading import build_model
from ipvit.models.specs import MODELS
from tests.models.tiny import tiny
from tests.tiny_model import TINY


def test_constant_positions_stay_and_the_prefix_too() -> None:
    positions = torch.cat([torch.full((1, 2, 3), 7.0), torch.full((1, 4, 3), 0.5)], dim=1)
    resampled = resample_positions(positions, (2, 2), (3, 5), prefix_tokens=2)
    assert resampled.shape == (1, 17, 3)
    assert torch.equal(resampled[:, :2], positions[:, :2])
    assert torch.allclose(resampled[:, 2:], torch.tensor(0.5))


def test_the_interpolation_is_cubic() -> None:
    # One feature over 1x4 patches, 0 0 1 1, doubled. With Keys' kernel of a = -0.75 a point a
    # quarter before or after a patch is weighed by w(5/4) = -0.1054…, w(1/4), w(3/4), w(7/4).
    a = -0.75

    def weight(x: float) -> float:
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a

    positions = torch.tensor([9.0, 0, 0, 1, 1]).view(1, 5, 1)
    resampled = resample_positions(positions, (1, 4), (1, 8), prefix_tokens=1).flatten().tolist()
    # The fourth of eight lies a quarter after the second of four: 0 0 (·) 1 1 around it.
    before_edge = weight(0.75) + weight(1.75)
    assert resampled[4] == pytest.approx(before_edge)
    assert resampled[5] == pytest.approx(1 - before_edge)
    assert resampled[0] == 9


def test_the_same_grid_is_no_change() -> None:
    positions = torch.randn(1, 17, 8)
    assert resample_positions(positions, (4, 4), (4, 4), prefix_tokens=1) is positions


@pytest.mark.parametrize("name", ["deit_t", "pocket_deit_shape", "pocket_deit_nopos", "tiny"])
def test_the_model_takes_the_size_for_a_while(name: str) -> None:
    spec = TINY if name == "tiny" else tiny(MODELS[name])
    model = build_model(spec).eval()
    usual = torch.randn(2, 3, spec.input_px, spec.input_px)
    # 9 more px than whole patches are not seen.
    side_px = 2 * spec.input_px + spec.patch_px // 2
    with torch.inference_mode():
        before = model(usual)
        parameters = {key: value.clone() for key, value in model.state_dict().items()}
        with input_size(model, side_px):
            large = torch.randn(2, 3, side_px, side_px)
            answer = model(large)
            large[..., -(spec.patch_px // 2) :] = 0
            assert torch.equal(model(large), answer)
        assert torch.equal(model(usual), before)
    after = model.state_dict()
    assert after.keys() == parameters.keys()
    assert all(torch.equal(after[key], value) for key, value in parameters.items())


def test_the_usual_size_changes_no_logit() -> None:
    model = build_model(TINY).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = model(images)
        with input_size(model, 32):
            assert torch.equal(model(images), expected)


def test_the_model_is_restored_when_something_fails() -> None:
    model = build_model(TINY).eval()
    positions = model.pos_embed

    def fail() -> None:
        assert model.pos_embed.shape == (1, 66, 32)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), input_size(model, 64):
        fail()
    assert model.pos_embed is positions
    assert model.patch_embed.img_size == (32, 32)
    assert model.patch_embed.num_patches == 16


def test_only_transformers_with_patches_are_resized() -> None:
    with (
        pytest.raises(InvalidInput, match="patch embeddings, got Linear"),
        input_size(nn.Linear(2, 2), 64),
    ):
        pytest.fail("entered")
