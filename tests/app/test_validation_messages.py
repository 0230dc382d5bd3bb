import pytest
from pydantic import ValidationError

from app.schemas.forms import FORMS, OccludeForm
from app.validation_messages import describe_validation_error


def first_error(**values: object) -> dict[str, object]:
    with pytest.raises(ValidationError) as caught:
        OccludeForm.model_validate(values)
    return dict(caught.value.errors()[-1])


def test_a_missing_field_is_named() -> None:
    complaint = describe_validation_error({"loc": ("body", "image"), "type": "missing"})
    assert (complaint.field, complaint.detail) == ("image", "image: this field is required")


def test_an_item_of_a_list_is_pointed_at() -> None:
    complaint = describe_validation_error(first_error(ratio=["0.5", "1.1"]))
    assert complaint.field == "ratio"
    assert complaint.detail == "ratio[1]: input should be less than or equal to 1, got '1.1'"


def test_close_fields_are_offered_for_an_unknown_one() -> None:
    complaint = describe_validation_error(first_error(ratios="1"), tuple(OccludeForm.model_fields))
    assert complaint.field == "ratios"
    assert complaint.matches == ("ratio",)
    assert "did you mean ratio?" in complaint.detail


def test_what_came_is_shortened() -> None:
    complaint = describe_validation_error(first_error(mode="x" * 10_000))
    assert len(complaint.detail) < 300
    field = describe_validation_error(first_error(**{"y" * 10_000: "1"})).field
    assert field is not None
    assert len(field) < 100


@pytest.mark.parametrize("form", FORMS.values())
def test_every_field_of_a_form_is_described(form: type) -> None:
    properties = form.model_json_schema()["properties"]  # type: ignore[attr-defined]
    for name, schema in properties.items():
        assert schema.get("description"), name
