from collections.abc import Iterable
from pathlib import Path

import pytest

from app.catalogue import Catalogue, known_models
from app.settings import Settings
from ipvit.errors import WeightsUnavailable
from ipvit.models.specs import MODELS
from tests.conftest import TINY_SPECS


def catalogue(cache: Path, models: Iterable[str] = (), **changes: object) -> Catalogue:
    settings = Settings.model_validate({"cache": cache, "models": tuple(models), **changes})
    return Catalogue(settings, known_models(settings, TINY_SPECS))


def test_models_come_in_their_order(cache: Path) -> None:
    assert list(catalogue(cache).specs) == [*MODELS, *(spec.name for spec in TINY_SPECS)]


def test_a_name_is_taken_once(cache: Path) -> None:
    with pytest.raises(ValueError, match="tiny"):
        known_models(Settings(cache=cache), (*TINY_SPECS, TINY_SPECS[0]))


def test_the_operators_models_answer_before_ours(cache: Path) -> None:
    assert catalogue(cache, ["deit_s", "tiny_224", "tiny"]).default_models() == ["tiny_224"]


def test_weights_that_appear_are_seen(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").touch()
    found = catalogue(tmp_path)
    assert not found.is_ready("deit_s")
    with pytest.raises(WeightsUnavailable, match="ipvit models pull deit_s"):
        found.require_ready(["tiny", "deit_s"])
    from ipvit.models.loading import weights_path

    path = weights_path(MODELS["deit_s"], tmp_path)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert found.is_ready("deit_s")
    assert found.default_models() == ["deit_s"]
    found.require_ready(["tiny", "deit_s"])


def test_the_configured_saliency_model_goes_first(cache: Path) -> None:
    assert catalogue(cache, saliency_model="tiny").default_saliency_model() == "tiny"
