"""What one app is built with, for as long as it lives."""

from dataclasses import dataclass

from app.backends import Backend
from app.catalogue import Catalogue
from app.metrics import Metrics
from app.picture_budget import PictureBudget
from app.settings import Settings


@dataclass(frozen=True)
class Services:
    """Everything handlers share."""

    settings: Settings
    catalogue: Catalogue
    backend: Backend
    metrics: Metrics
    picture_budget: PictureBudget
