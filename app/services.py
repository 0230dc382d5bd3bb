"""What one app is built with, for as long as it lives."""

import asyncio
from dataclasses import dataclass, field

from app.backends import Backend
from app.catalogue import Catalogue
from app.dataset_desk import DatasetDesk
from app.evaluations import Evaluations
from app.metrics import Metrics
from app.picture_budget import PictureBudget
from app.settings import Settings
from ipvit.datasets.catalogue import DatasetCatalogue


@dataclass(frozen=True)
class Services:
    """Everything handlers share."""

    settings: Settings
    catalogue: Catalogue
    backend: Backend
    metrics: Metrics
    picture_budget: PictureBudget
    datasets: DatasetCatalogue
    dataset_desk: DatasetDesk
    evaluations: Evaluations
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server begins to end, so that streams that would go on for hours end too."""
