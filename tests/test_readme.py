"""The README tells the truth: its commands run as written, its settings table is complete."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BASE_URL = "http://127.0.0.1:8000"


def blocks(kind: str) -> list[str]:
    """The bodies of the README's fenced blocks opened by ```sh `kind`."""
    return re.findall(rf"```sh {kind}\n(.*?)```", README, flags=re.DOTALL)


def run(script: str, folder: Path) -> str:
    """Run `script` by bash in a folder that sees the checkout's files; its standard output."""
    for name in ("static", ".venv"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    answer = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def settings_table() -> str:
    """The table the README must hold, from the settings themselves."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        assert default is not PydanticUndefined, f"{name} has no default"
        if isinstance(default, tuple):
            default = ", ".join(default)
        shown = f"`{default}`" if default not in (None, "") else ""
        lines.append(f"| `IPVIT_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)


@pytest.mark.parametrize("script", blocks("curl"))
def test_curl_lines_run_as_written(script: str, pocket_server: str, tmp_path: Path) -> None:
    run(
        script.replace("curl ", "curl -sS --fail-with-body ").replace(BASE_URL, pocket_server),
        tmp_path,
    )
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("line", [line for block in blocks("cli") for line in block.splitlines()])
def test_command_lines_run_as_written(line: str, tmp_path: Path) -> None:
    assert run(line, tmp_path).strip()


def test_every_endpoint_has_a_curl_line() -> None:
    shown = "".join(blocks("curl"))
    for path in ("predict", "occlude", "shuffle", "attention", "segment"):
        assert f"/{path}\n" in shown
    for path in ("models", "healthz", "readyz", "metrics", "experiments", "datasets", "jobs"):
        assert f"/{path}\n" in shown


def test_the_settings_table_is_the_settings() -> None:
    table = README.split("<!-- settings -->\n")[1].split("\n<!-- /settings -->")[0]
    assert table == settings_table()
