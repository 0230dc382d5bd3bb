"""`docs/experiments.md`, written from the experiments themselves.

`python -m ipvit.experiments.documentation` prints it; a test compares it with the file.
"""

import inspect
import json
import sys
from collections.abc import Iterable, Iterator

from pydantic.fields import FieldInfo

from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.experiment import Experiment
from ipvit.experiments.paper_values import PAPER_ENTRIES, PaperEntry
from ipvit.models.specs import MODELS

__all__ = ["experiments_page"]

HEAD = """# Experiments

Written from the experiments by `python -m ipvit.experiments.documentation > docs/experiments.md`;
change them, not this page.

An experiment is one figure or table of a paper, run on a data set of yours:

    ipvit evaluate NAME --model pocket_deit --data cifar10-sample --param name=value

Lists are written with commas. The same runs as a job from the page `/evaluations` or by
`POST /jobs`. Beside our numbers stand the paper's where it reports the same model and condition:
they were measured on ImageNet-1k's validation set, or PASCAL VOC 2012's for segmentation.
"""
NEEDS = {"labels": "a label for each image", "masks": "a mask for each image"}


def experiments_page() -> str:
    """The whole page, Markdown."""
    contents = [f"- [{one.title}](#{_anchor(one.title)}): `{one.name}`" for one in _experiments()]
    chapters = [_chapter(one) for one in _experiments()]
    return "\n".join([HEAD, *contents, "", *chapters]).rstrip() + "\n"


def _experiments() -> Iterable[Experiment]:
    return EXPERIMENTS.values()


def _anchor(title: str) -> str:
    kept = (c for c in title.lower() if c.isalnum() or c in " -")
    return "".join(kept).replace(" ", "-")


def _chapter(experiment: Experiment) -> str:
    return "\n".join(
        [
            f"## {experiment.title}",
            "",
            f"`{experiment.name}`, {experiment.paper}",
            "",
            f"{experiment.summary} {experiment.look_for}",
            "",
            f"**Needs** {_needs(experiment)}. **Models**: {_models(experiment)}.",
            "",
            *_table(("parameter", "default", "what it is"), _parameters(experiment)),
            "",
            *_table(("metric", "what it is"), _metrics(experiment)),
            "",
            *_paper(experiment),
            "### Protocol and deviations",
            "",
            _protocol(experiment),
            "",
        ]
    )


def _needs(experiment: Experiment) -> str:
    if not experiment.needs:
        return "nothing but images"
    return " and ".join(NEEDS[need] for need in sorted(experiment.needs))


def _models(experiment: Experiment) -> str:
    """Who cannot take part, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, spec in MODELS.items():
        why = experiment.supports(spec)
        if why is not None:
            reasons.setdefault(why, []).append(f"`{name}`")
    if not reasons:
        return "all"
    left_out = (f"{', '.join(names)} ({why})" for why, names in reasons.items())
    return f"all but {'; '.join(left_out)}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_escaped(cell) for cell in row)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")


def _parameters(experiment: Experiment) -> Iterator[tuple[str, str, str]]:
    for name, parameter in experiment.parameters.model_fields.items():
        yield f"`{name}`", _default(parameter), parameter.description or ""


def _default(parameter: FieldInfo) -> str:
    value = parameter.get_default(call_default_factory=True)
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(str(item) for item in value)}`"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _metrics(experiment: Experiment) -> Iterator[tuple[str, str]]:
    for name, meaning in experiment.metrics.items():
        yield f"`{name}`", meaning


def _paper(experiment: Experiment) -> Iterator[str]:
    """The paper's numbers, a row for each model and condition."""
    entries = [entry for entry in PAPER_ENTRIES if entry.experiment == experiment.name]
    if not entries:
        return
    columns = tuple(entries[0].condition)
    yield "### The paper's numbers"
    yield ""
    head = ("model", *columns, "metric", "value", "source")
    yield from _table(head, (_entry(entry, columns) for entry in entries))
    yield ""


def _entry(entry: PaperEntry, columns: tuple[str, ...]) -> tuple[str, ...]:
    condition = (str(entry.condition.get(column, "")) for column in columns)
    return (f"`{entry.model}`", *condition, f"`{entry.metric}`", f"{entry.value:g}", entry.source)


def _protocol(experiment: Experiment) -> str:
    """The docstring of the experiment's module, less its first line, which is its title."""
    module = sys.modules[experiment.parameters.__module__]
    _title, _, body = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    return body


if __name__ == "__main__":
    sys.stdout.write(experiments_page())
