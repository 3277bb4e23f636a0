"""A job: what was asked for, where it stands, and the words for its states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl

from shared.series import Series


class StageName(StrEnum):
    """The stages in running order; each value is the name of a file in worker/stages/."""

    READ = "read"
    TRANSCRIBE = "transcribe"
    EXTRACT = "extract"
    CLASSIFY = "classify"
    SUMMARIZE = "summarize"
    RECOMMEND = "recommend"
    DETERIORATE = "deteriorate"
    ASSEMBLE = "assemble"


class JobStatus(StrEnum):
    """The states that clients see; worker/fhir maps them to Task.status in one place."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INSUFFICIENT_CONTENT = "insufficient_content"
    DEAD = "dead"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """Whether the job never changes again."""
        return self not in {JobStatus.QUEUED, JobStatus.RUNNING}


class Priority(StrEnum):
    """Who is waiting: a person, a program, or nobody in particular."""

    INTERACTIVE = "interactive"
    DEFAULT = "default"
    BULK = "bulk"


class Frozen(BaseModel):
    """A record at the edge: unknown fields are an error, and it never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


Source = Literal["text", "audio", "document", "series"]
"""What a job begins with."""
Short = Annotated[str, Field(min_length=1, max_length=200)]
Reference = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64}$")]


class Patient(Frozen):
    """Who the text is about, as the caller knows it; nothing of this is ever read from the note."""

    identifier: Short | None = Field(None, description="medical record number (MRN)")
    system: Short | None = Field(None, description="URI of the MRN's assigning system")
    name: Short | None = Field(None, description="the name in one line")
    family: Short | None = None
    given: Short | None = None
    gender: Literal["male", "female", "other", "unknown"] | None = None
    birth_date: date | None = Field(None, alias="birthDate")
    reference: Reference | None = Field(None, description="an existing Patient on your server, as Patient/123")


class Encounter(Frozen):
    """The visit that the text belongs to, as the caller knows it."""

    identifier: Short | None = None
    system: Short | None = None
    kind: Literal["AMB", "IMP", "EMER", "VR"] = Field("AMB", alias="class", description="v3-ActCode")
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    reference: Reference | None = Field(None, description="an existing Encounter on your server, as Encounter/123")


class JobOptions(Frozen):
    """What every kind of submission may carry beside its content."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = Field(None, description="ISO 639-1, e.g. en or es")
    patient: Patient | None = None
    encounter: Encounter | None = None
    stages: Annotated[tuple[StageName, ...], Field(min_length=1, max_length=8)] | None = Field(
        None, description="only these stages; all of them when absent"
    )
    priority: Priority = Priority.DEFAULT
    callback_url: HttpUrl | None = None
    cache: bool = Field(True, description="false: compute anew, and share the result with no other submission")
    explain: bool = Field(False, description="true: tell the words that the category rests on, which takes longer")
    metadata: Annotated[dict[Short, Annotated[str, Field(max_length=1000)]], Field(max_length=20)] = Field(
        default_factory=dict, description="your own labels, given back with the result"
    )


class Audio(Frozen):
    """A stored recording: where it lies and what was measured from its decoded samples."""

    blob: str
    """Key in the blob store."""
    content_type: str
    sha256: str
    """Of the bytes as they were submitted, in lower-case hex."""
    size_bytes: int
    duration_s: float
    channels: int
    sample_rate_hz: int


class Document(Frozen):
    """A stored document: PDF, or a picture of pages."""

    blob: str
    """Key in the blob store."""
    content_type: str
    sha256: str
    """Of the bytes as they were submitted, in lower-case hex."""
    size_bytes: int


class JobRequest(JobOptions):
    """What was asked for: text, a stored recording or document, the address of a recording, or measurements."""

    text: str | None = None
    audio: Audio | None = None
    document: Document | None = None
    series: Series | None = None
    audio_url: str | None = None
    """Where the worker fetches the recording of a batch's item; `audio` is there once it has."""
    versions: Annotated[dict[StageName, Short], Field(max_length=8)] = Field(default_factory=dict)
    """By stage, the id of the registered version that must do it; a stage that is not named goes to whoever serves."""
    replay_of: str | None = None
    """The job that this one runs again on another version."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job ended without a result: a code for programs, a sentence for people, nothing clinical."""

    code: str
    detail: str


class StageProgress(Frozen):
    """How far one stage is."""

    name: StageName
    status: Literal["waiting", "running", "done", "skipped"]
    seconds: float | None = None


class Progress(Frozen):
    """One event as sockets and streams tell it; `seq` is the Redis stream id, to resume from."""

    seq: str
    type: str
    """snapshot, heartbeat, stage, progress, partial, crisis, or the name of the state the job came to."""
    job_id: str
    status: JobStatus
    crisis: bool = False
    """Whether a sign of acute danger to life was found: the result says which, as the first red flag."""
    stage: StageName | None = None
    progress: float = 0.0
    """Share of the whole job that is done, 0 to 1."""
    partial: str | None = None
    """Text that has come so far or, where `append` holds, what came since the last event."""
    append: bool = False
    at: datetime | None = None

    @property
    def terminal(self) -> bool:
        """Whether nothing follows: a snapshot may say that the job has ended, and the one terminal event comes next."""
        return self.status.terminal and self.type == self.status.value
