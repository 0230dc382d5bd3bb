from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

import ipvit
from tests.conftest import TINY_SPECS
from tests.pictures import photo_file


def samples(client: TestClient) -> dict[str, float]:
    """Every sample of `/metrics` by its name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_alive(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": ipvit.__version__}


def test_ready_names_the_models(client: TestClient) -> None:
    answer = client.get("/readyz").json()
    assert answer["status"] == "ready"
    assert {spec.name for spec in TINY_SPECS} <= set(answer["models"])


def test_metrics_count_requests_by_route(client: TestClient) -> None:
    before = samples(client)
    client.post("/predict", files={"image": photo_file()}, data={"model": "tiny"})
    client.post("/predict", files={"image": b"nonsense"}, data={"model": "tiny"})
    client.get("/nowhere/at/all")
    client.get("/problems/unauthorized")
    after = samples(client)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown("ipvit_http_requests_total['/predict', '200', 'POST']") == 1
    assert grown("ipvit_http_requests_total['/predict', '422', 'POST']") == 1
    assert grown("ipvit_http_requests_total['404', 'GET', 'unmatched']") == 1
    assert grown("ipvit_http_requests_total['/problems/{code}', '200', 'GET']") == 1
    assert grown("ipvit_http_request_seconds_count['/predict']") == 2
    assert grown("ipvit_images_total['predict']") == 2
    assert grown("ipvit_batch_images_sum[]") >= 1
    assert after["ipvit_queue_depth_images[]"] == 0
    assert not any("nowhere" in name for name in after)
