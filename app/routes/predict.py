"""`POST /predict`: what models see in an image."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from app.deps import CallDep
from app.form_route import FormRoute
from app.schemas import examples
from app.schemas.answers import PredictAnswer
from app.schemas.forms import MULTIPART, PredictForm
from app.schemas.responses import analysis_responses
from ipvit.analyses.parameters import PredictParams

router = APIRouter(tags=["analyses"], route_class=FormRoute)


@router.post(
    "/predict",
    summary="Classify an image",
    responses=analysis_responses(PredictAnswer, examples.PREDICT, picture=False),
)
async def predict(
    form: Annotated[PredictForm, Form(media_type=MULTIPART)], call: CallDep
) -> Response:
    """Answer each model's likeliest classes.

    `curl -F image=@photo.jpg -F model=pocket_deit -F top_k=3 http://127.0.0.1:8000/predict`
    """
    params = PredictParams(models=call.models(form.model), top_k=form.top_k)
    params.validate(call.catalogue.specs)
    return await call.answer("predict", params, pictures=None, image=form.image)
