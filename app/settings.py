"""Every setting of the service: one frozen object, read from `IPVIT_…` environment variables.

Nothing here is read at import: the factory or a command builds `Settings` and hands it on.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

POCKET_MODELS = (
    "pocket_deit",
    "pocket_deit_sin",
    "pocket_deit_shape",
    "pocket_deit_nopos",
    "pocket_cnn",
    "pocket_cnn_sin",
)

NameList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The service's settings; field `max_batch` is the variable `IPVIT_MAX_BATCH`."""

    model_config = SettingsConfigDict(
        env_prefix="IPVIT_", frozen=True, extra="forbid", validate_default=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port to listen on (0: any free one).")
    backend: Literal["embedded", "celery"] = Field(
        "embedded",
        description="Where models run: `embedded` is a thread pool in this process, `celery` "
        "workers (`ipvit worker`) that are reached over Redis.",
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Redis between the service and its workers; `rediss://` for TLS.",
    )
    device: str = Field(
        "cpu",
        description="Torch device of the embedded backend or of a worker: `cpu`, `cuda:0`; with "
        "`cuda`, process number i of an evaluation worker has `cuda:i`.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="Arithmetic of the forward pass; `auto` is bf16 where the hardware "
        "multiplies it natively, fp32 elsewhere.",
    )
    threads: int = Field(
        0, ge=0, description="CPU threads of the forward pass (threads; 0: one a core)."
    )
    models: NameList = Field(
        POCKET_MODELS,
        description="Models loaded and warmed at start, comma-separated; others that are ready "
        "load at first use.",
    )
    models_file: Path | None = Field(
        None, description="TOML file of a user's own model specs, added to the built-in ones."
    )
    saliency_model: str | None = Field(
        None,
        description="Model whose attention ranks the patches in salient and non-salient mode; "
        "unset: `dino_vit_s` when its weights are present, else `pocket_deit_shape`.",
    )
    cache: Path = Field(
        Path("~/.cache/ipvit"), description="Folder of downloaded and converted weights."
    )
    max_batch: int = Field(64, ge=1, description="Largest merged forward pass (images).")
    max_wait_ms: float = Field(
        0.0,
        ge=0,
        description="Longest wait of a request for others that are on their way "
        "(milliseconds); a lone request never waits.",
    )
    max_queue: int = Field(
        1024,
        ge=1,
        description="Images that may wait, all models together; beyond, requests get 429 (images).",
    )
    deadline_s: float = Field(
        30.0, gt=0, description="A request not answered by then gets 504 (seconds)."
    )
    max_image_bytes: int = Field(
        10 * 1024 * 1024, ge=1, description="Largest image file of a request (bytes)."
    )
    max_pixels: int = Field(
        50_000_000, ge=1, description="Largest image of a request (pixels: width times height)."
    )
    max_upload_bytes: int = Field(
        256 * 1024 * 1024,
        ge=1,
        description="Request bodies held in memory at once, all clients together; beyond, "
        "requests get 429 (bytes).",
    )
    max_pictures: int = Field(
        100,
        ge=1,
        description="Pictures drawn or sent at once, all clients together; requests beyond wait "
        "(pictures).",
    )
    transfer_timeout_s: float = Field(
        60.0,
        gt=0,
        description="Longest time a request's body may take to arrive, and pictures to be taken "
        "(seconds).",
    )
    data_dir: Path = Field(
        Path("~/.local/share/ipvit/datasets"),
        description="Folder of data sets, one folder each; uploads are put there.",
    )
    max_dataset_bytes: int = Field(
        5 * 10**9,
        ge=1,
        description="Largest zip of an uploaded data set, and what it may unpack to (bytes).",
    )
    decode_cache_bytes: int = Field(
        20 * 10**9,
        ge=0,
        description="Largest size of the decoded images of data sets, kept under the cache folder "
        "(bytes).",
    )
    database_url: str = Field(
        "sqlite:///~/.local/share/ipvit/jobs.sqlite3",
        repr=False,
        description="Database of evaluation jobs: `sqlite:///FILE` or `postgresql://…`; workers on "
        "other machines need PostgreSQL.",
    )
    evaluation_batch: int = Field(
        64, ge=1, description="Largest forward pass of an evaluation (images)."
    )
    shard_s: float = Field(
        30.0,
        gt=0,
        description="Aimed length of a shard, the piece of a job that a worker claims (seconds).",
    )
    lease_s: float = Field(
        30.0,
        ge=2,
        description="A shard whose worker gives no sign of life for so long goes to another one "
        "(seconds).",
    )
    reconcile_s: float = Field(
        2.0, gt=0, description="How often the service looks for shards that wait (seconds)."
    )
    keep_jobs_days: float = Field(
        0.0, ge=0, description="Finished jobs are deleted after that time (days; 0: never)."
    )
    api_keys: NameList = Field(
        (),
        repr=False,
        description="Keys that callers must send as `X-API-Key` or `Authorization: Bearer`, "
        "comma-separated; empty: no key needed.",
    )
    rate_limit_per_minute: int = Field(
        0, ge=0, description="Requests each key or address may make (per minute; 0: no limit)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe messages that are logged."
    )

    @field_validator("models", "api_keys", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        """Read `a, b` as `("a", "b")`."""
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("cache", "models_file", "data_dir")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        """Resolve a leading `~`."""
        return value.expanduser() if value is not None else None

    @field_validator("models_file", "saliency_model", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        """Treat an empty variable as one that is not set."""
        return None if value == "" else value

    @property
    def max_body_bytes(self) -> int:
        """Bytes of a whole request: one image at its limit and the form around it."""
        return self.max_image_bytes + 256 * 1024
