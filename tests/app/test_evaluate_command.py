"""`ipvit evaluate` as a user types it, on the shipped sample and models."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from ipvit.errors import IPViTError

SHORT = ("--param", "ratios=0,0.5", "--param", "runs=1", "--precision", "fp32")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPVIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPVIT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def evaluate(*words: str) -> str:
    answer = CliRunner().invoke(app, ["evaluate", *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def photos(folder: Path, count: int = 6) -> Path:
    for at in range(count):
        place = folder / ("cat" if at % 2 else "ship")
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (40 * at, 90, 30)).save(place / f"{at}.png")
    return folder


def test_numbers_table_and_chart_are_written(tmp_path: Path) -> None:
    folder = photos(tmp_path / "mine")
    printed = evaluate("patch-drop", "--model", "pocket_cnn", "--data", str(folder), *SHORT)
    assert "pocket_cnn" in printed
    (out,) = (tmp_path / "runs").iterdir()
    assert out.name.startswith("patch-drop-")
    result = json.loads((out / "result.json").read_text())
    assert [row["images"] for row in result["rows"]] == [6] * 6
    assert f"--data {folder}" in result["command"]
    assert (out / "result.csv").read_text().count("\n") == 7
    with Image.open(out / "result.png") as picture:
        assert picture.size == (1200, 750)


def test_the_command_of_a_result_gives_the_same_numbers(tmp_path: Path) -> None:
    folder = photos(tmp_path / "mine")
    first, second = tmp_path / "first", tmp_path / "second"
    evaluate(
        "patch-shuffle",
        "--model",
        "pocket_deit",
        "--data",
        str(folder),
        "--seed",
        "5",
        "--param",
        "grids=2x2,model",
        "--param",
        "runs=2",
        "--out",
        str(first),
    )
    result = json.loads((first / "result.json").read_text())
    words = result["command"].split()
    assert words[:2] == ["ipvit", "evaluate"]
    evaluate(*words[2:], "--out", str(second), "--batch", "2")
    again = json.loads((second / "result.json").read_text())
    assert again["rows"] == result["rows"]


def test_the_shipped_sample_has_a_name(tmp_path: Path) -> None:
    evaluate(
        "placement",
        "--model",
        "pocket_cnn",
        "--data",
        "cifar10-sample",
        "--param",
        "corners=whole",
        "--out",
        str(tmp_path),
    )
    result = json.loads((tmp_path / "result.json").read_text())
    accuracy = result["rows"][0]["value"]
    assert accuracy > 70, "the shipped model on its own data"


def test_what_there_is_to_evaluate() -> None:
    printed = evaluate("list")
    for word in ("patch-drop", "ratios", "saliency_model", "attention-average"):
        assert word in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("patch-drp", "--data", "x"), "patch-drop"),
        (("patch-drop", "--data", "cifar10-sampl"), "cifar10-sample"),
        (("patch-drop", "--data", "cifar10-sample", "--param", "ratio=0.5"), "ratios"),
        (("patch-drop", "--data", "cifar10-sample", "--param", "runs=0"), "runs"),
        (("patch-drop", "--data", "cifar10-sample", "--model", "pocket_det"), "pocket_deit"),
        (("patch-drop", "--data", "cifar10-sample", "--model", "deit_t"), "ipvit models pull"),
        (("segmentation", "--data", "cifar10-sample", "--model", "pocket_deit"), "masks"),
    ],
)
def test_mistakes_are_answered_with_help(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(IPViTError, match=said):
        CliRunner().invoke(app, ["evaluate", *words], catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("patch-drop",), "--data"),
        (("patch-drop", "--data", "cifar10-sample", "--precision", "fp8"), "fp8"),
    ],
)
def test_options_that_are_missing_or_wrong(words: tuple[str, ...], said: str) -> None:
    answer = CliRunner().invoke(app, ["evaluate", *words])
    assert answer.exit_code == 2
    assert said in answer.output


def test_a_place_that_cannot_be_written_is_said_before_computing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IPViTError, match="folder to write to"):
        evaluate("patch-drop", "--data", "cifar10-sample", "--out", str(tmp_path / "file" / "x"))
