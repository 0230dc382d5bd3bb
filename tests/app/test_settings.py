from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings

UNIT_WORDS = {
    "port": "port",
    "threads": "threads",
    "max_batch": "images",
    "max_wait_ms": "milliseconds",
    "max_queue": "images",
    "deadline_s": "seconds",
    "max_image_bytes": "bytes",
    "max_pixels": "pixels",
    "max_upload_bytes": "bytes",
    "transfer_timeout_s": "seconds",
    "max_pictures": "pictures",
    "rate_limit_per_minute": "per minute",
    "max_dataset_bytes": "bytes",
    "decode_cache_bytes": "bytes",
    "evaluation_batch": "images",
    "shard_s": "seconds",
    "lease_s": "seconds",
    "reconcile_s": "seconds",
    "keep_jobs_days": "days",
}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    assert field.description.endswith(".")
    if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
        assert UNIT_WORDS[name] in field.description


def test_environment_sets_every_kind_of_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPVIT_PORT", "8123")
    monkeypatch.setenv("IPVIT_MODELS", "pocket_deit, deit_s,")
    monkeypatch.setenv("IPVIT_API_KEYS", "one,two")
    monkeypatch.setenv("IPVIT_MODELS_FILE", "")
    monkeypatch.setenv("IPVIT_CACHE", "~/weights")
    settings = Settings()
    assert settings.port == 8123
    assert settings.models == ("pocket_deit", "deit_s")
    assert settings.api_keys == ("one", "two")
    assert settings.models_file is None
    assert settings.cache == Path.home() / "weights"


def test_settings_are_frozen_and_show_no_keys() -> None:
    settings = Settings(api_keys=("secret",))
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("IPVIT_PORT", "99999"), ("IPVIT_PRECISION", "fp8"), ("IPVIT_DEADLINE_S", "0")],
)
def test_wrong_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_body_has_room_for_an_image_at_its_limit_and_no_more() -> None:
    settings = Settings()
    assert settings.max_image_bytes < settings.max_body_bytes < 11_000_000
