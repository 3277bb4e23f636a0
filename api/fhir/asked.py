"""The part of FHIR R4 that $extract reads, as records; all other elements of a resource are left where they are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(max_length=4096)]
MOST_PARTS = 1000  # of one list; a larger resource is a mistake


class Part(BaseModel):
    """Any part of a resource."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True)


class Coding(Part):
    """One code."""

    system: Text | None = None
    code: Text | None = None


class CodeableConcept(Part):
    """A concept by its codes."""

    coding: Annotated[list[Coding], Field(max_length=MOST_PARTS)] = []


class Identifier(Part):
    """A business identifier."""

    type: CodeableConcept = CodeableConcept()
    system: Text | None = None
    value: Text | None = None


class Reference(Part):
    """A reference, literal or logical."""

    reference: Text | None = None
    identifier: Identifier | None = None


class Attachment(Part):
    """Content that comes with the resource (`data`), or that lies elsewhere (`url`)."""

    content_type: Text | None = None
    language: Text | None = None
    data: str | None = None
    url: Text | None = None
    size: int | None = None
    hash: Text | None = None


class HumanName(Part):
    """A person's name."""

    use: Text | None = None
    text: Text | None = None
    family: Text | None = None
    given: Annotated[list[Text], Field(max_length=MOST_PARTS)] = []


class Period(Part):
    """From and to."""

    start: Text | None = None
    end: Text | None = None


class Patient(Part):
    """Who the document is about."""

    id: Text | None = None
    identifier: Annotated[list[Identifier], Field(max_length=MOST_PARTS)] = []
    name: Annotated[list[HumanName], Field(max_length=MOST_PARTS)] = []
    gender: Text | None = None
    birth_date: Text | None = None


class Encounter(Part):
    """The visit that the document belongs to."""

    id: Text | None = None
    identifier: Annotated[list[Identifier], Field(max_length=MOST_PARTS)] = []
    class_: Coding | None = Field(None, alias="class")
    period: Period = Period()


class Binary(Part):
    """Bytes that an attachment of the same Bundle points at."""

    id: Text | None = None
    content_type: Text | None = None
    data: str | None = None


class Other(Part):
    """A resource that $extract has no use for."""

    id: Text | None = None


def _kind(resource: Any) -> str:
    """Which record reads this resource."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) and kind in READ else "Other"


class DocumentContent(Part):
    """One form of the document."""

    attachment: Attachment


class DocumentContext(Part):
    """Where the document comes from."""

    encounter: Annotated[list[Reference], Field(max_length=MOST_PARTS)] = []


class DocumentReference(Part):
    """The document and whom it is about."""

    id: Text | None = None
    status: Text | None = None
    language: Text | None = None
    subject: Reference | None = None
    content: Annotated[list[DocumentContent], Field(min_length=1, max_length=MOST_PARTS)]
    context: DocumentContext = DocumentContext()
    contained: Annotated[list[Resource], Field(max_length=MOST_PARTS)] = []


READ = frozenset({"Patient", "Encounter", "Binary", "DocumentReference"})
Resource = Annotated[
    Annotated[Patient, Tag("Patient")]
    | Annotated[Encounter, Tag("Encounter")]
    | Annotated[Binary, Tag("Binary")]
    | Annotated[DocumentReference, Tag("DocumentReference")]
    | Annotated[Other, Tag("Other")],
    Discriminator(_kind),
]


class Entry(Part):
    """One entry of a Bundle."""

    full_url: Text | None = None
    resource: Resource | None = None


class Bundle(Part):
    """A Bundle that holds one DocumentReference, and whom it is about."""

    resource_type: Literal["Bundle"]
    entry: Annotated[list[Entry], Field(max_length=MOST_PARTS)] = []


class Parameter(Part):
    """One named parameter."""

    name: Text
    value_string: str | None = None
    value_markdown: str | None = None
    value_code: Text | None = None
    value_boolean: bool | None = None
    value_url: Text | None = None
    value_uri: Text | None = None
    value_attachment: Attachment | None = None
    value_reference: Reference | None = None
    value_identifier: Identifier | None = None
    resource: Resource | None = None


class Parameters(Part):
    """What $extract is asked, by name."""

    resource_type: Literal["Parameters"]
    parameter: Annotated[list[Parameter], Field(max_length=MOST_PARTS)] = []


def _top(resource: Any) -> str | None:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return kind if isinstance(kind, str) else None


Body = Annotated[
    Annotated[Parameters, Tag("Parameters")]
    | Annotated[Bundle, Tag("Bundle")]
    | Annotated[DocumentReference, Tag("DocumentReference")],
    Discriminator(_top),
]
DocumentReference.model_rebuild()
body: TypeAdapter[Parameters | Bundle | DocumentReference] = TypeAdapter(Body)
