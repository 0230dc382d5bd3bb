"""`POST /occlude`: predictions while patches are dropped (Naseer et al. 2021, §3.1)."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.deps import CallDep
from app.form_route import FormRoute
from app.schemas import examples
from app.schemas.answers import OccludeAnswer
from app.schemas.forms import MULTIPART, OccludeForm
from app.schemas.responses import analysis_responses
from ipvit.analyses.parameters import OccludeParams

router = APIRouter(tags=["analyses"], route_class=FormRoute)


@router.post(
    "/occlude",
    summary="Drop patches and predict again",
    responses=analysis_responses(OccludeAnswer, examples.OCCLUDE),
)
async def occlude(
    form: Annotated[OccludeForm, Form(media_type=MULTIPART)], call: CallDep
) -> Response:
    """Answer each model's prediction for every ratio and seed, beside the clean one.

    `curl -F image=@photo.jpg -F ratio=0.2 -F ratio=0.5 -F seed=0 -F include_images=false
    http://127.0.0.1:8000/occlude`
    """
    params = OccludeParams(
        models=call.models(form.model),
        mode=form.mode,
        ratios=form.ratio,
        grid=form.grid,
        offset_px=form.offset_px,
        seeds=form.seed,
        top_k=form.top_k,
        include_images=form.include_images,
        saliency_model=form.saliency_model,
        saliency_head=form.saliency_head,
    )
    params.validate(call.catalogue.specs, has_mask=form.mask is not None)
    pictures = len(params.models) * len(params.effective_ratios) * len(params.effective_seeds)
    return await call.answer("occlude", params, pictures=pictures, image=form.image, mask=form.mask)
