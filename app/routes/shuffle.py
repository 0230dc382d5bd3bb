"""`POST /shuffle`: predictions while cells are permuted (Naseer et al. 2021, §3.3)."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.deps import CallDep
from app.form_route import FormRoute
from app.schemas import examples
from app.schemas.answers import ShuffleAnswer
from app.schemas.forms import MULTIPART, ShuffleForm
from app.schemas.responses import analysis_responses
from ipvit.analyses.parameters import ShuffleParams

router = APIRouter(tags=["analyses"], route_class=FormRoute)


@router.post(
    "/shuffle",
    summary="Permute cells and predict again",
    responses=analysis_responses(ShuffleAnswer, examples.SHUFFLE),
)
async def shuffle(
    form: Annotated[ShuffleForm, Form(media_type=MULTIPART)], call: CallDep
) -> Response:
    """Answer each model's prediction for every grid and seed, beside the clean one.

    `curl -F image=@photo.jpg -F grid=2x2 -F grid=4x4 -F seed=0 http://127.0.0.1:8000/shuffle`
    """
    params = ShuffleParams(
        models=call.models(form.model),
        grids=form.grid,
        seeds=form.seed,
        top_k=form.top_k,
        include_images=form.include_images,
    )
    params.validate(call.catalogue.specs)
    pictures = len(params.models) * max(1, len(params.grids)) * len(params.seeds)
    return await call.answer("shuffle", params, pictures=pictures, image=form.image)
