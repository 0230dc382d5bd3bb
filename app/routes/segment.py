"""`POST /segment`: the object, told from attention alone (Naseer et al. 2021, §3.2)."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.deps import CallDep
from app.form_route import FormRoute
from app.schemas import examples
from app.schemas.answers import SegmentAnswer
from app.schemas.forms import MULTIPART, SegmentForm
from app.schemas.responses import analysis_responses
from ipvit.analyses.parameters import SegmentParams

router = APIRouter(tags=["analyses"], route_class=FormRoute)


@router.post(
    "/segment",
    summary="Cut out the object by attention",
    responses=analysis_responses(SegmentAnswer, examples.SEGMENT),
)
async def segment(
    form: Annotated[SegmentForm, Form(media_type=MULTIPART)], call: CallDep
) -> Response:
    """Answer each head's mask; with ground truth, how well it agrees.

    `curl -F image=@photo.jpg -F model=pocket_deit_shape -F token=shape
    http://127.0.0.1:8000/segment`
    """
    params = SegmentParams(
        models=call.models(form.model),
        token=form.token,
        threshold=form.threshold,
        include_images=form.include_images,
    )
    params.validate(call.catalogue.specs)
    pictures = sum(call.catalogue.specs[name].heads + 1 for name in params.models)
    return await call.answer(
        "segment",
        params,
        pictures=pictures,
        image=form.image,
        ground_truth=form.ground_truth,
    )
