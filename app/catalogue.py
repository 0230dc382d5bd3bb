"""Which models this server knows, which can run here, and which answer when none is named."""

from collections.abc import Iterable, Mapping

from app.settings import Settings
from ipvit.analyses.forward import SALIENCY_PREFERENCE
from ipvit.errors import WeightsUnavailable
from ipvit.models.specs import MODELS, ModelSpec, load_user_specs
from ipvit.registry import Registry

DEFAULT_PREFERENCE = ("deit_s", "deit_b", "deit_t", "pocket_deit")


def known_models(settings: Settings, extra_specs: Iterable[ModelSpec] = ()) -> Registry[ModelSpec]:
    """The built-in specs, those of `settings.models_file`, and `extra_specs`, in this order."""
    user_specs = load_user_specs(settings.models_file) if settings.models_file else ()
    return Registry("model", (*MODELS.values(), *user_specs, *extra_specs))


class Catalogue:
    """The models of one app.

    Weights may be pulled while the server runs, so readiness is looked up until it is true.
    """

    def __init__(self, settings: Settings, specs: Mapping[str, ModelSpec]) -> None:
        self.settings = settings
        self.specs = specs
        self._ready: set[str] = set()

    def is_ready(self, name: str) -> bool:
        """Whether the model's weights are on this machine."""
        if name not in self._ready:
            from ipvit.models.loading import is_ready

            if not is_ready(self.specs[name], self.settings.cache):
                return False
            self._ready.add(name)
        return True

    def require_ready(self, names: Iterable[str]) -> None:
        """Raise WeightsUnavailable, with the command that helps, for the first that is not."""
        for name in names:
            if not self.is_ready(name):
                command = self.specs[name].pull_command
                remedy = f"; fetch them with: {command}" if command else ""
                raise WeightsUnavailable(
                    f"the weights of model {name!r} are not on this machine{remedy}"
                )

    def default_models(self) -> list[str]:
        """The model asked when a request names none, as a list; empty if none can run here.

        ImageNet's go before the pocket ones, the operator's choice (`IPVIT_MODELS`) before ours.
        """
        preloaded = self.settings.models
        chosen = [name for name in preloaded if not name.startswith("pocket_")]
        for name in (*chosen, *DEFAULT_PREFERENCE, *preloaded):
            if name in self.specs and self.is_ready(name):
                return [name]
        return []

    def default_saliency_model(self) -> str | None:
        """The model that ranks patches when a request names none; None if there is none."""
        for name in (self.settings.saliency_model, *SALIENCY_PREFERENCE):
            if name and name in self.specs and self.is_ready(name):
                return name
        return None
