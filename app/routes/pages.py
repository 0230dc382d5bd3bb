"""The browser pages: `/` the lab, `/evaluations` and below, and `/model-cards`.

The server sends the frame; native ES modules in `static/js` fill it through the same HTTP API
that everybody uses. No inline script or style, for the Content-Security-Policy allows none.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

__all__ = ["SamplePhoto", "read_samples", "router"]

ROOT = Path(__file__).parent.parent.parent
SAMPLES_FOLDER = ROOT / "static" / "samples"

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(directory=ROOT / "templates")


@dataclass(frozen=True)
class SamplePhoto:
    """A photo shipped with the project, and whom to thank for it.

    file: its name in `static/samples`; changes: what was done to the original.
    """

    name: str
    file: str
    title: str
    alt: str
    author: str
    licence: str
    source: str
    changes: str

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return f"/static/samples/{self.file}"

    @property
    def thumb_url(self) -> str:
        """Its square thumbnail of 160 px."""
        return f"/static/samples/{Path(self.file).stem}-thumb.jpg"


@lru_cache
def read_samples() -> tuple[SamplePhoto, ...]:
    """Read the credits of the sample photos, in the order they are shown."""
    credits = json.loads((SAMPLES_FOLDER / "credits.json").read_text(encoding="utf-8"))
    return tuple(SamplePhoto(**photo) for photo in credits["photos"])


@router.get("/")
def lab(request: Request) -> HTMLResponse:
    """Show the lab."""
    return templates.TemplateResponse(request, "lab.html", {"samples": read_samples()})


@router.get("/evaluations")
def evaluations(request: Request) -> HTMLResponse:
    """Show the evaluations of this server, and a form for a new one."""
    return templates.TemplateResponse(request, "evaluations.html")


@router.get("/evaluations/compare")
def compare(request: Request) -> HTMLResponse:
    """Show several evaluations, named by `?job=a&job=b`, in one figure."""
    return templates.TemplateResponse(request, "compare.html")


@router.get("/evaluations/{job_id}")
def evaluation(request: Request, job_id: str) -> HTMLResponse:
    """Show one evaluation; the page asks for the job itself and says so where there is none."""
    return templates.TemplateResponse(request, "evaluation.html")


@router.get("/model-cards")
def model_cards(request: Request) -> HTMLResponse:
    """Show what every model is."""
    return templates.TemplateResponse(request, "model_cards.html", {"samples": read_samples()})
