"""The tables of `docs/pocket-models.md`, from the JSON that `pocket_report` wrote.

Run as `python -m ipvit.training.pocket_table docs/pocket-models.json`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["accuracy_table", "bias_table"]

_CONDITIONS = {
    "clean": "clean",
    "drop_0.25": "25 % dropped",
    "drop_0.5": "50 % dropped",
    "drop_0.75": "75 % dropped",
    "shuffle_2x2": "shuffled 2×2",
    "shuffle_4x4": "shuffled 4×4",
}
_TOKENS = {"cls": "", "shape": " (shape token)", "mean": " (both heads)"}


def accuracy_table(report: Mapping[str, Any]) -> str:
    """Top-1 in percent by model, token and condition."""
    rows = [["model", *_CONDITIONS.values()]]
    for name, measured in report.items():
        for token, accuracy in measured["accuracy"].items():
            values = [f"{100 * accuracy[condition]:.1f}" for condition in _CONDITIONS]
            rows.append([f"`{name}`{_TOKENS[token]}", *values])
    return _markdown(rows)


def bias_table(report: Mapping[str, Any]) -> str:
    """Shape bias with its counts, token cosine, size and speed."""
    rows = [["model", "shape bias", "shape : texture", "shape right", "cosine", "parameters"]]
    rows[0].append("images/s")
    for name, measured in report.items():
        for token, bias in measured["shape_bias"].items():
            cosine = measured["token_cosine"]
            rows.append(
                [
                    f"`{name}`{_TOKENS[token]}",
                    f"{bias['bias']:.2f} ± {bias['error']:.2f}",
                    f"{bias['shape_decisions']} : {bias['texture_decisions']}",
                    f"{bias['shape_accuracy']:.2f}",
                    "–" if cosine is None or token != "shape" else f"{cosine:.2f}",
                    f"{measured['parameters'] / 1e6:.2f} M",
                    f"{measured['images_per_s']:.0f}",
                ]
            )
    return _markdown(rows)


def _markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print both tables."""
    report = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(f"{accuracy_table(report)}\n\n{bias_table(report)}\n")


if __name__ == "__main__":
    main()
