"""Stylised copies: seeded, resumable, and refused where they would be mixed."""

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from ipvit.errors import InvalidInput, WeightsCorrupt, WeightsUnavailable
from ipvit.training.adain import AdaIN, build_decoder, build_encoder, load_adain, match_statistics
from ipvit.training.fourier import exchange_amplitude, periodic_component
from ipvit.training.stylised_copy import StylisedCopy, copy_stylised


def pixels_of(folder):
    return {
        path.relative_to(folder).as_posix(): np.asarray(Image.open(path)).tobytes()
        for path in sorted(folder.rglob("*.png"))
    }


def test_the_copy_has_every_image_and_no_order_matters(tiny_data, tmp_path):
    one = StylisedCopy(tiny_data, tmp_path / "one", "fourier", seed=5, threads=1)
    two = StylisedCopy(tiny_data, tmp_path / "two", "fourier", seed=5, threads=4)
    assert copy_stylised(one, exchange_amplitude) == copy_stylised(two, exchange_amplitude) == 40
    assert pixels_of(one.out_dir) == pixels_of(two.out_dir)
    assert pixels_of(one.out_dir).keys() == pixels_of(tiny_data).keys()
    other = StylisedCopy(tiny_data, tmp_path / "other", "fourier", seed=6)
    copy_stylised(other, exchange_amplitude)
    assert pixels_of(other.out_dir) != pixels_of(one.out_dir)


def test_an_interrupted_copy_goes_on_and_ends_the_same(tiny_data, tmp_path):
    job = StylisedCopy(tiny_data, tmp_path, "fourier", threads=1)
    seen = []
    copy_stylised(job, exchange_amplitude, lambda done, total: seen.append((done, total)))
    before = pixels_of(tmp_path)
    for name in list(before)[::3]:
        (tmp_path / name).unlink()
    assert copy_stylised(job, exchange_amplitude) == len(list(before)[::3])
    assert pixels_of(tmp_path) == before
    assert seen[0] == (0, 40)
    assert seen[-1] == (40, 40)


def test_a_folder_with_another_copy_is_refused(tiny_data, tmp_path):
    copy_stylised(StylisedCopy(tiny_data, tmp_path, "fourier"), exchange_amplitude)
    with pytest.raises(InvalidInput, match="seed"):
        copy_stylised(StylisedCopy(tiny_data, tmp_path, "fourier", seed=1), exchange_amplitude)


def test_amplitudes_are_exchanged_and_phases_stay():
    draw = torch.Generator().manual_seed(0)
    content = 0.5 + 0.01 * torch.rand(2, 3, 8, 8, generator=draw)
    style = 0.5 + 0.01 * torch.rand(2, 3, 8, 8, generator=draw)
    mixed = torch.fft.rfft2(exchange_amplitude(content, style))
    ours, theirs = torch.fft.rfft2(content), torch.fft.rfft2(style)
    assert torch.allclose(mixed.abs(), theirs.abs(), atol=1e-4)
    strong = theirs.abs() > 1e-2
    assert torch.allclose((mixed / mixed.abs())[strong], (ours / ours.abs())[strong], atol=1e-2)
    assert torch.allclose(exchange_amplitude(content, style, 0.0), content, atol=1e-6)


def test_the_periodic_component_has_no_jump_at_the_edges():
    ramp = torch.linspace(0, 1, 16).expand(1, 3, 16, 16)
    periodic = periodic_component(ramp)
    assert torch.allclose(periodic.mean(), ramp.mean(), atol=1e-6)
    jump = (periodic[..., :, 0] - periodic[..., :, -1]).abs().max()
    assert jump < 0.2 < (ramp[..., :, 0] - ramp[..., :, -1]).abs().max()
    level = torch.cos(2 * torch.pi * (torch.arange(16) + 0.5) / 16)  # both ends are equal
    wave = level[:, None] * level
    assert torch.allclose(periodic_component(wave), wave, atol=1e-6)


def test_adain_matches_the_style_s_statistics():
    draw = torch.Generator().manual_seed(0)
    content = torch.randn(2, 4, 6, 6, generator=draw)
    style = 3 + 2 * torch.randn(2, 4, 6, 6, generator=draw)
    matched = match_statistics(content, style)
    assert torch.allclose(matched.mean((2, 3)), style.mean((2, 3)), atol=1e-4)
    assert torch.allclose(matched.std((2, 3)), style.std((2, 3)), atol=1e-3)


def test_adain_takes_weights_by_path_and_refuses_others(tmp_path):
    torch.manual_seed(0)
    encoder, decoder = build_encoder(), build_decoder()
    torch.save(encoder.state_dict(), tmp_path / "encoder.pth")
    torch.save(decoder.state_dict(), tmp_path / "decoder.pth")
    network = load_adain(str(tmp_path / "encoder.pth"), str(tmp_path / "decoder.pth"), tmp_path)
    content, style = torch.rand(1, 3, 44, 36), torch.rand(1, 3, 44, 36)
    assert network(content, style).shape == content.shape
    expected = AdaIN(encoder, decoder)(content, style)
    assert torch.equal(network(content, style), expected)
    with pytest.raises(WeightsCorrupt):
        load_adain(str(tmp_path / "decoder.pth"), str(tmp_path / "decoder.pth"), tmp_path)
    with pytest.raises(WeightsUnavailable):
        load_adain(str(tmp_path / "none.pth"), str(tmp_path / "decoder.pth"), tmp_path)


def test_the_command_line(tiny_data, tmp_path):
    run = CliRunner().invoke
    done = run(app, ["stylize", "--data", str(tiny_data), "--out", str(tmp_path / "copy")])
    assert done.exit_code == 0, done.output
    assert "40 images" in done.output
    assert len(pixels_of(tmp_path / "copy")) == 40
    wrong = run(app, ["stylize", "--data", str(tiny_data), "--out", "x", "--method", "oil"])
    assert isinstance(wrong.exception, InvalidInput)
    unweighted = run(app, ["stylize", "--data", str(tiny_data), "--out", "x", "--method", "adain"])
    assert isinstance(unweighted.exception, InvalidInput)
