import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from ipvit.errors import WeightsCorrupt, WeightsUnavailable
from ipvit.models import download
from ipvit.models.loading import build_model, is_ready, load_model, weights_path
from ipvit.models.specs import MODELS, ModelSpec, WeightsSource
from tests.models.tiny import tiny
from tests.models.weights_server import WeightsServer, serve

SMALL = tiny(MODELS["deit_t"], name="small")
TRAINED = build_model(replace(SMALL, name="trained")).state_dict()


def checkpoint(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


BODY = checkpoint({"model": TRAINED})
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    with serve(BODY) as served:
        yield served


def served_by(server: WeightsServer, **changes: object) -> ModelSpec:
    weights = WeightsSource("url", "none", url=server.url, sha256_prefix=SHA256[:8])
    return replace(SMALL, weights=replace(weights, **changes))


def pull(spec: ModelSpec, cache_dir: Path, progress: download.Progress | None = None) -> Path:
    return download.pull(spec, cache_dir, progress, pause_s=lambda attempt: 0.0)


def left_behind(cache_dir: Path) -> list[str]:
    return sorted(path.suffix for path in (cache_dir / "models").iterdir())


def test_weights_are_fetched_checked_and_converted_once(
    server: WeightsServer, tmp_path: Path
) -> None:
    spec = served_by(server)
    seen: list[tuple[int, int | None]] = []
    path = pull(spec, tmp_path, lambda done, total: seen.append((done, total)))
    assert path == weights_path(spec, tmp_path)
    assert is_ready(spec, tmp_path)
    assert seen[-1] == (len(BODY), len(BODY))
    assert left_behind(tmp_path) == [".lock", ".safetensors"]
    loaded = load_model(spec, cache_dir=tmp_path).state_dict()
    assert all(torch.equal(loaded[key], TRAINED[key]) for key in TRAINED)
    with safe_open(path, "pt") as file:
        assert file.metadata()["source_sha256"] == SHA256
    pull(spec, tmp_path)
    assert len(server.requests) == 1


def test_a_download_that_breaks_off_is_resumed(server: WeightsServer, tmp_path: Path) -> None:
    server.break_after = [1000, 5000]
    seen: list[int] = []
    pull(served_by(server), tmp_path, lambda done, total: seen.append(done))
    assert [request.get("Range") for request in server.requests] == [
        None,
        "bytes=1000-",
        "bytes=6000-",
    ]
    assert server.requests[1]["If-Range"] == '"v1"'
    assert seen == sorted(seen)
    assert seen[-1] == len(BODY)


def test_the_next_call_goes_on_where_the_last_gave_up(
    server: WeightsServer, tmp_path: Path
) -> None:
    spec = served_by(server)
    server.break_after = [1000] + [0] * 5
    with pytest.raises(WeightsUnavailable, match=r"broke off after 1000 bytes .* go on from there"):
        pull(spec, tmp_path)
    assert not is_ready(spec, tmp_path)
    pull(spec, tmp_path)
    assert server.requests[-1]["Range"] == "bytes=1000-"
    assert is_ready(spec, tmp_path)


def test_a_server_that_ignores_ranges_sends_all_again(
    server: WeightsServer, tmp_path: Path
) -> None:
    server.ranges = False
    server.break_after = [1000]
    spec = served_by(server)
    pull(spec, tmp_path)
    load_model(spec, cache_dir=tmp_path)
    assert len(server.requests) == 2


def test_another_version_is_not_appended_to_the_first(
    server: WeightsServer, tmp_path: Path
) -> None:
    spec = served_by(server)
    server.break_after = [1000] + [0] * 5
    with pytest.raises(WeightsUnavailable):
        pull(spec, tmp_path)
    server.etag = '"v2"'
    pull(spec, tmp_path)
    assert is_ready(spec, tmp_path)


def test_without_a_version_nothing_is_resumed(server: WeightsServer, tmp_path: Path) -> None:
    server.etag = None
    server.break_after = [1000]
    pull(served_by(server), tmp_path)
    assert [request.get("Range") for request in server.requests] == [None, None]


def test_a_part_that_is_already_whole_is_accepted(server: WeightsServer, tmp_path: Path) -> None:
    spec = served_by(server)
    server.break_after = [1000] + [0] * 5
    with pytest.raises(WeightsUnavailable):
        pull(spec, tmp_path)
    path = weights_path(spec, tmp_path)
    assert path is not None
    path.with_suffix(".part").write_bytes(BODY)
    pull(spec, tmp_path)
    assert is_ready(spec, tmp_path)


def test_a_busy_server_is_asked_again(server: WeightsServer, tmp_path: Path) -> None:
    server.statuses = [503, 429, 200]
    pull(served_by(server), tmp_path)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_not_there_is_said_at_once(
    server: WeightsServer, tmp_path: Path, status: int
) -> None:
    server.statuses = [status]
    with pytest.raises(WeightsUnavailable, match=f"got HTTP {status}"):
        pull(served_by(server), tmp_path)
    assert len(server.requests) == 1


def test_no_server_is_said(tmp_path: Path) -> None:
    with serve(b"") as gone:
        spec = served_by(gone)
    with pytest.raises(WeightsUnavailable, match="broke off after 0 bytes"):
        pull(spec, tmp_path)


def test_a_wrong_hash_is_refused_and_removed(server: WeightsServer, tmp_path: Path) -> None:
    spec = served_by(server, sha256_prefix="00000000")
    with pytest.raises(WeightsCorrupt, match=f"expected SHA-256 00000000…, got {SHA256}"):
        pull(spec, tmp_path)
    assert not is_ready(spec, tmp_path)
    assert left_behind(tmp_path) == [".lock"]


def test_the_hash_a_redirect_states_is_checked(server: WeightsServer, tmp_path: Path) -> None:
    url = server.url.replace("/weights", "/redirect/weights")
    spec = served_by(server, url=url, sha256_prefix=None)
    server.linked_digest = "0" * 64
    with pytest.raises(WeightsCorrupt, match="wrong hash"):
        pull(spec, tmp_path)
    server.linked_digest = SHA256
    pull(spec, tmp_path)
    assert is_ready(spec, tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"model": {"head.bias": torch.zeros(1000)}}, "missing: "),
        ({"model": TRAINED | {"more": torch.zeros(1)}}, "1 unknown: more"),
        ({"model": TRAINED | {"head.bias": torch.zeros(5)}}, "1 misshapen: head.bias"),
        ({"state": TRAINED}, "expected the entry 'model'"),
    ],
)
def test_a_wrong_state_dict_is_refused_and_removed(
    server: WeightsServer, tmp_path: Path, content: object, expected: str
) -> None:
    server.body = checkpoint(content)
    spec = served_by(server, sha256_prefix=None)
    with pytest.raises(WeightsCorrupt, match=expected):
        pull(spec, tmp_path)
    assert left_behind(tmp_path) == [".lock"]


def test_a_web_page_in_place_of_the_file_is_refused(server: WeightsServer, tmp_path: Path) -> None:
    server.body = b"<html>please log in</html>"
    with pytest.raises(WeightsCorrupt, match="cannot be read"):
        pull(served_by(server, sha256_prefix=None), tmp_path)


def test_safetensors_are_read_as_such(tmp_path: Path) -> None:
    with serve(save(TRAINED), "model.safetensors") as server:
        spec = served_by(server, sha256_prefix=None, state_dict_key=None)
        pull(spec, tmp_path)
    load_model(spec, cache_dir=tmp_path)


def test_concurrent_pulls_fetch_once_and_agree(server: WeightsServer, tmp_path: Path) -> None:
    server.break_after = [1000, 2000]
    spec = served_by(server)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: pull(spec, tmp_path), range(4)))
    assert len(paths) == 1
    assert len(server.requests) == 3
    assert left_behind(tmp_path) == [".lock", ".safetensors"]
    load_model(spec, cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["pocket_deit", "random"])
def test_only_what_has_a_url_is_fetched(tmp_path: Path, name: str) -> None:
    spec = SMALL if name == "random" else MODELS[name]
    with pytest.raises(WeightsUnavailable, match="is not fetched from anywhere"):
        pull(spec, tmp_path)
