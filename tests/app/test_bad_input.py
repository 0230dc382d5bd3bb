"""What strangers send: every wrong value is a 4xx problem that names the field, never a 500."""

import gc
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.form_route import MAX_FORM_FIELDS
from app.schemas.service import Problem
from tests.pictures import (
    EPS,
    SVG,
    animation,
    encoded,
    palette_with_alpha,
    photo,
    photo_file,
    png_of_claimed_size,
    sixteen_bit_png,
)

ANALYSES = ("/predict", "/occlude", "/shuffle", "/attention", "/segment")


def refused(
    client: TestClient, path: str, image: bytes | None = None, **data: Any
) -> tuple[Problem, int]:
    """The problem that answers the form, checked for its shape."""
    files = {"image": photo_file() if image is None else image}
    answer = client.post(path, files=files, data=data)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert problem.status == answer.status_code
    assert len(problem.detail) < 1000
    return problem, answer.status_code


IMAGES = {
    "empty": (b"", "invalid_image", 422),
    "text": (b"hello, I am no image", "invalid_image", 422),
    "eps named png": (EPS, "invalid_image", 422),
    "svg named png": (SVG, "invalid_image", 422),
    "tiff": (encoded(photo(), "TIFF"), "invalid_image", 422),
    "truncated jpeg": (photo_file(400, 300)[:2000], "invalid_image", 422),
    "jpeg header only": (photo_file()[:20], "invalid_image", 422),
    "truncated png": (encoded(photo(400, 300))[:3000], "invalid_image", 422),
    "truncated webp": (encoded(photo(400, 300), "WEBP")[:500], "invalid_image", 422),
    "png of zeros": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "invalid_image", 422),
    "gif header only": (b"GIF89a", "invalid_image", 422),
    "bomb": (png_of_claimed_size(30_000, 30_000), "image_too_large", 413),
    "60 megapixels": (png_of_claimed_size(10_000, 6_000), "image_too_large", 413),
    "claims more than it has": (png_of_claimed_size(2_000, 2_000), "invalid_image", 422),
    "10.1 MB": (photo_file() + bytes(10_500_000), "image_too_large", 413),
}


@pytest.mark.parametrize("path", ANALYSES)
@pytest.mark.parametrize("name", IMAGES)
def test_a_file_that_is_no_good_image(client: TestClient, path: str, name: str) -> None:
    image, code, status = IMAGES[name]
    problem, answered = refused(client, path, image, model="tiny")
    assert (problem.code, answered, problem.field) == (code, status, "image")


GOOD_IMAGES = {
    "animated gif": animation("GIF"),
    "animated webp": animation("WEBP"),
    "cmyk": encoded(photo().convert("CMYK"), "JPEG"),
    "16 bit": sixteen_bit_png(),
    "palette with alpha": palette_with_alpha(),
    "alpha": encoded(photo().convert("RGBA")),
    "grey": encoded(photo().convert("L"), "JPEG"),
    "grey with alpha": encoded(photo().convert("LA")),
    "bilevel": encoded(photo().convert("1")),
    "bmp": encoded(photo(), "BMP"),
    "1x1": encoded(photo(1, 1)),
    "1x1000": encoded(photo(1, 1000)),
    "3000x2": encoded(photo(3000, 2)),
}


@pytest.mark.parametrize("path", ANALYSES)
@pytest.mark.parametrize("name", GOOD_IMAGES)
def test_an_unusual_image_is_answered(client: TestClient, path: str, name: str) -> None:
    answer = client.post(path, files={"image": GOOD_IMAGES[name]}, data={"model": "tiny"})
    assert answer.status_code == 200, answer.text


FIELDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("/occlude", {"ratio": "-0.1"}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": "1.1"}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": "NaN"}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": "inf"}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": "abc"}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": "0,5"}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": ["0.5"] * 200}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": ["0.5", "2"]}, "ratio", "invalid_input"),
    ("/occlude", {"ratio": ["0.5"] * 50, "seed": list(range(50))}, "ratio", "invalid_input"),
    ("/occlude", {"seed": "-1"}, "seed", "invalid_input"),
    ("/occlude", {"seed": "1.5"}, "seed", "invalid_input"),
    ("/occlude", {"seed": str(2**63)}, "seed", "invalid_input"),
    ("/occlude", {"seed": "9" * 5000}, "seed", "invalid_input"),
    ("/occlude", {"seed": list(range(51))}, "seed", "invalid_input"),
    ("/occlude", {"grid": "0x0"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "13x13", "model": "tiny_224"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "9999x1"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "-2x2"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "2"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "²x2"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "2x2x2"}, "grid", "invalid_grid"),
    ("/occlude", {"grid": "9" * 5000 + "x1"}, "grid", "invalid_input"),
    ("/occlude", {"offset_px": "-1"}, "offset_px", "invalid_input"),
    ("/occlude", {"offset_px": "32"}, "offset_px", "invalid_input"),
    ("/occlude", {"mode": "sideways"}, "mode", "invalid_input"),
    ("/occlude", {"mode": "custom"}, "mask", "invalid_input"),
    ("/occlude", {"include_images": "perhaps"}, "include_images", "invalid_input"),
    ("/occlude", {"saliency_model": "tony", "mode": "salient"}, "saliency_model", "unknown_name"),
    (
        "/occlude",
        {"saliency_model": "pocket_cnn", "mode": "salient"},
        "saliency_model",
        "invalid_input",
    ),
    (
        "/occlude",
        {"saliency_model": "tiny", "saliency_head": "2", "mode": "salient"},
        "saliency_head",
        "invalid_input",
    ),
    ("/predict", {"top_k": "0"}, "top_k", "invalid_input"),
    ("/predict", {"top_k": "1000000"}, "top_k", "invalid_input"),
    ("/predict", {"top_k": "11"}, "top_k", "invalid_input"),
    ("/predict", {"top_k": "many"}, "top_k", "invalid_input"),
    ("/predict", {"model": ["tiny"] * 9}, "model", "invalid_input"),
    ("/predict", {"model": ["tiny", "tiny"]}, "model", "invalid_input"),
    ("/predict", {"model": "x" * 5000}, "model", "invalid_input"),
    ("/predict", {"model": "../../etc/passwd"}, "model", "unknown_name"),
    ("/predict", {"model": "tiny\x00"}, "model", "unknown_name"),
    ("/predict", {"ratio": "0.5"}, "ratio", "invalid_input"),
    ("/shuffle", {"grid": "0x0"}, "grid", "invalid_grid"),
    ("/shuffle", {"grid": ["2x2", "13x13"], "model": "tiny_224"}, "grid", "invalid_grid"),
    ("/shuffle", {"grid": "9999x1"}, "grid", "invalid_grid"),
    ("/shuffle", {"seed": "abc"}, "seed", "invalid_input"),
    ("/shuffle", {"grid": ["2x2"] * 101}, "grid", "invalid_input"),
    ("/attention", {"layer": "2"}, "layer", "invalid_input"),
    ("/attention", {"layer": "-3"}, "layer", "invalid_input"),
    ("/attention", {"layer": "last"}, "layer", "invalid_input"),
    ("/attention", {"head": "2"}, "head", "invalid_input"),
    ("/attention", {"head": "-1"}, "head", "invalid_input"),
    ("/attention", {"token": "shape"}, "token", "token_unavailable"),
    ("/attention", {"token": "patch"}, "token", "invalid_input"),
    ("/attention", {"method": "gradcam"}, "method", "invalid_input"),
    ("/attention", {"model": "pocket_cnn"}, "model", "invalid_input"),
    ("/segment", {"token": "shape"}, "token", "token_unavailable"),
    ("/segment", {"threshold": "0"}, "threshold", "invalid_input"),
    ("/segment", {"threshold": "1.1"}, "threshold", "invalid_input"),
    ("/segment", {"threshold": "nan"}, "threshold", "invalid_input"),
    ("/segment", {"model": "pocket_cnn"}, "model", "invalid_input"),
]


@pytest.mark.parametrize(("path", "data", "field", "code"), FIELDS)
def test_a_wrong_value(
    client: TestClient, path: str, data: dict[str, Any], field: str, code: str
) -> None:
    problem, _ = refused(client, path, **({"model": "tiny"} | data))
    assert (problem.field, problem.code) == (field, code)


@pytest.mark.parametrize("path", ANALYSES)
def test_close_names_are_offered_for_an_unknown_model(client: TestClient, path: str) -> None:
    problem, status = refused(client, path, model="pocket_diet")
    assert status == 422
    assert problem.matches is not None
    assert "pocket_deit" in problem.matches


@pytest.mark.parametrize("path", ANALYSES)
def test_a_model_without_weights_says_how_to_get_them(client: TestClient, path: str) -> None:
    problem, status = refused(client, path, model="deit_s")
    assert (status, problem.code) == (409, "weights_unavailable")
    assert "ipvit models pull deit_s" in problem.detail


@pytest.mark.parametrize("path", ANALYSES)
def test_a_missing_image(client: TestClient, path: str) -> None:
    for answer in (
        client.post(path),
        client.post(path, data={"model": "tiny"}),
        client.post(path, data={"image": "a text, not a file"}),
        client.post(path, files={"picture": photo_file()}),
    ):
        assert answer.status_code == 422
        assert Problem.model_validate(answer.json()).field in ("image", "picture")


@pytest.mark.parametrize("path", ANALYSES)
def test_a_field_of_another_call(client: TestClient, path: str) -> None:
    problem, status = refused(client, path, modle="tiny")
    assert (status, problem.field) == (422, "modle")
    assert "model" in (problem.matches or ())


@pytest.mark.parametrize("field", ["mask", "ground_truth"])
@pytest.mark.parametrize("content", [b"", b"no png", photo_file(), encoded(photo())[:300]])
def test_a_broken_second_file(client: TestClient, field: str, content: bytes) -> None:
    path = "/occlude" if field == "mask" else "/segment"
    answer = client.post(
        path,
        files={"image": photo_file(), field: ("name.png", content)},
        data={"model": "tiny", **({"mode": "custom"} if field == "mask" else {})},
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field


def test_ground_truth_of_another_size(client: TestClient) -> None:
    truth = encoded(photo(10, 10).convert("L"))
    answer = client.post(
        "/segment", files={"image": photo_file(), "ground_truth": truth}, data={"model": "tiny"}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "ground_truth")


def test_a_file_where_a_text_belongs(client: TestClient) -> None:
    answer = client.post("/predict", files={"image": photo_file(), "model": b"tiny"})
    assert (answer.status_code, answer.json()["field"]) == (422, "model")


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "unsupported_media_type"),
        ("image/jpeg", photo_file(), 415, "unsupported_media_type"),
        ("multipart/form-data", b"x", 400, "malformed_body"),
        ("multipart/form-data; boundary=b", b"garbage", 400, "malformed_body"),
        ("multipart/form-data; boundary=b", b"", 422, "invalid_input"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--", 400, "malformed_body"),
        ("multipart/form-data; boundary=" + "b" * 5000, b"x", 400, "malformed_body"),
        ("application/x-www-form-urlencoded", b"image=1&image=2", 422, "invalid_input"),
        ("application/x-www-form-urlencoded", b"%ff%00=%zz;&&==", 422, "invalid_input"),
    ],
)
def test_a_body_that_is_no_form(
    client: TestClient, content_type: str, body: bytes, status: int, code: str
) -> None:
    answer = client.post("/predict", content=body, headers={"Content-Type": content_type})
    problem = Problem.model_validate(answer.json())
    assert (answer.status_code, problem.code) == (status, code), answer.text
    assert problem.field in ("body", "image")


# python-multipart does not notice that the last part never ends, so Starlette forgets to close
# its file; it lives in memory, and goes with the garbage.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
def test_a_form_cut_off_in_the_middle(client: TestClient) -> None:
    request = client.build_request("POST", "/predict", files={"image": photo_file()})
    whole = request.read()
    for kept in (10, 60, len(whole) // 2, len(whole) - 10):
        answer = client.post(
            "/predict",
            content=whole[:kept],
            headers={"Content-Type": request.headers["content-type"]},
        )
        assert answer.status_code in (400, 422), (kept, answer.text)
        Problem.model_validate(answer.json())
    gc.collect()


def test_too_many_fields(client: TestClient) -> None:
    data = {"ratio": ["0.5"] * (MAX_FORM_FIELDS + 1)}
    answer = client.post("/occlude", files={"image": photo_file()}, data=data)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/predict", 405, "method_not_allowed"),
        ("DELETE", "/models", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/predict/", 404, "not_found"),
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/../app/settings.py", 404, "not_found"),
        ("GET", "/static/%2e%2e/pyproject.toml", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/problems/nonsense", 404, "not_found"),
        ("GET", "/" + "x" * 5000, 404, "not_found"),
    ],
)
def test_a_wrong_path_or_method(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    assert Problem.model_validate(answer.json()).code == code
    assert status != 405 or answer.headers["allow"]
