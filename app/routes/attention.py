"""`POST /attention`: where heads look while they decide."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.deps import CallDep
from app.form_route import FormRoute
from app.schemas import examples
from app.schemas.answers import AttentionAnswer
from app.schemas.forms import MULTIPART, AttentionForm
from app.schemas.responses import analysis_responses
from ipvit.analyses.parameters import AttentionParams

router = APIRouter(tags=["analyses"], route_class=FormRoute)


@router.post(
    "/attention",
    summary="Show where heads look",
    responses=analysis_responses(AttentionAnswer, examples.ATTENTION),
)
async def attention(
    form: Annotated[AttentionForm, Form(media_type=MULTIPART)], call: CallDep
) -> Response:
    """Answer a map for each layer and head: weights that sum to 1, and a heatmap.

    `curl -F image=@photo.jpg -F model=pocket_deit -F layer=-1 http://127.0.0.1:8000/attention`
    """
    params = AttentionParams(
        models=call.models(form.model),
        layers=form.layer,
        heads=form.head,
        token=form.token,
        method=form.method,
    )
    params.validate(call.catalogue.specs)
    specs = [call.catalogue.specs[name] for name in params.models]
    pictures = sum(len(params.layers) * (len(params.heads) or spec.heads) + 1 for spec in specs)
    return await call.answer("attention", params, pictures=pictures, image=form.image)
