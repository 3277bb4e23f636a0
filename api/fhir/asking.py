"""What a request to $extract asks for: one document, and the options of a submission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import ValidationError

from api.fhir import asked
from api.fhir.asked import Bundle, DocumentReference, Encounter, Other, Parameter, Parameters, Patient, Reference
from api.fhir.content import Content, attached, chosen
from api.fhir.people import Known, called, encounter, encounter_of, known, patient, patient_of
from api.fhir.refusal import unreadable, wrong

T = TypeVar("T")
OPTIONS = {"language": "language", "stages": "stages", "priority": "priority", "callbackUrl": "callback_url"}
"""Parameters that are plain options, with the names that a submission has for them."""
DOCUMENTS = frozenset({"text", "attachment", "document"})
SUBJECTS = frozenset({"patient", "subject"})
REPEATS = frozenset({"stages"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One document, and fields of JobOptions that are still to be checked."""

    content: Content
    options: dict[str, object]


def understand(body: bytes) -> Asked:
    """Read the request; it costs only CPU. Raises ProblemError 400 or 422, which name the element alone."""
    try:
        resource = asked.body.validate_json(body)
    except ValidationError as error:
        raise unreadable(error) from None
    if isinstance(resource, Parameters):
        return _parameters(resource)
    if isinstance(resource, Bundle):
        return _bundle(resource, "Bundle")
    return _document(resource, Known(), "DocumentReference")


def _bundle(bundle: Bundle, path: str) -> Asked:
    entries = [(each.full_url, each.resource) for each in bundle.entry if each.resource is not None]
    at = [number for number, each in enumerate(bundle.entry) if isinstance(each.resource, DocumentReference)]
    if len(at) != 1:
        raise wrong(f"{path}.entry", "a Bundle holds one DocumentReference: send one document at a time")
    document = bundle.entry[at[0]].resource
    assert isinstance(document, DocumentReference)  # noqa: S101 - `at` was chosen so
    resources = known(entries, ())
    found = _document(document, resources, f"{path}.entry[{at[0]}].resource")
    options = dict(found.options)
    if "patient" not in options and (only := _only(Patient, entries)):
        options["patient"] = patient_of(only, resources, f"{path}.entry")
    if "encounter" not in options and (only := _only(Encounter, entries)):
        options["encounter"] = encounter_of(only, resources, f"{path}.entry")
    return replace(found, options=options)


def _only(kind: type[Patient | Encounter], entries: list[tuple[str | None, asked.Resource]]) -> Reference | None:
    """The Bundle's one resource of this kind, which a document that names none is taken to be about."""
    found = [(url, each.id) for url, each in entries if isinstance(each, kind)]
    if len(found) != 1:
        return None
    full_url, name = found[0]
    return Reference(reference=full_url or called(kind, name))


def _document(document: DocumentReference, outside: Known, path: str) -> Asked:
    if document.status == "entered-in-error":
        raise wrong(f"{path}.status", "the document was entered in error: it is not read")
    resources = Known({**outside.by_name, **known((), document.contained).by_name})
    number = chosen(document)
    attachment = document.content[number].attachment
    content = attached(attachment, resources, f"{path}.content[{number}].attachment")
    options: dict[str, object] = _language(attachment.language or document.language)
    if document.subject is not None:
        options["patient"] = patient_of(document.subject, resources, f"{path}.subject")
    if document.context.encounter:
        options["encounter"] = encounter_of(document.context.encounter[0], resources, f"{path}.context.encounter[0]")
    return Asked(content, options)


def _parameters(parameters: Parameters) -> Asked:
    found: Asked | None = None
    options: dict[str, object] = {}
    seen: set[str] = set()
    for number, each in enumerate(parameters.parameter):
        path = f"Parameters.parameter[{number}]"
        name = "patient" if each.name in SUBJECTS else each.name
        if name in seen and name not in REPEATS:
            raise wrong(path, "this parameter is sent once")
        seen.add(name)
        if name in DOCUMENTS:
            if found is not None:
                raise wrong(path, "send one document: a text, an attachment or a document")
            found = _content(each, path)
        else:
            _option(options, name, each, path)
    if found is None:
        raise wrong("Parameters.parameter", "a parameter text, attachment or document is missing")
    return replace(found, options=found.options | options)


def _content(parameter: Parameter, path: str) -> Asked:
    if parameter.name == "text":
        text = parameter.value_string if parameter.value_string is not None else parameter.value_markdown
        return Asked(Content("text/plain", b"", text=_given(text, f"{path}.valueString")), {})
    if parameter.name == "attachment":
        attachment = _given(parameter.value_attachment, f"{path}.valueAttachment")
        return Asked(attached(attachment, Known(), f"{path}.valueAttachment"), _language(attachment.language))
    if isinstance(parameter.resource, DocumentReference):
        return _document(parameter.resource, Known(), f"{path}.resource")
    raise wrong(f"{path}.resource", "a DocumentReference is expected here")


def _option(options: dict[str, object], name: str, each: Parameter, path: str) -> None:
    value = next(
        (value for value in (each.value_code, each.value_string, each.value_url, each.value_uri) if value), None
    )
    if name == "stages":
        options["stages"] = [*_list(options.get("stages")), *_given(value, f"{path}.valueCode").split(",")]
    elif name == "language":
        options |= _language(_given(value, f"{path}.valueCode"))
    elif name in OPTIONS:
        options[OPTIONS[name]] = _given(value, path)
    elif name == "cache":
        options["cache"] = _given(each.value_boolean, f"{path}.valueBoolean")
    elif name == "patient":
        options["patient"] = _person(each, path, Patient, patient, patient_of)
    elif name == "encounter":
        options["encounter"] = _person(each, path, Encounter, lambda known: encounter(known, path), encounter_of)
    else:
        raise wrong(f"{path}.name", "there is no such parameter: see OperationDefinition/extract", code="not_supported")


def _person(
    parameter: Parameter,
    path: str,
    kind: type[T],
    of_itself: Callable[[T], dict[str, object]],
    of_reference: Callable[[Reference, Known, str], dict[str, object]],
) -> dict[str, object]:
    """A Patient or Encounter: the resource, an identifier, or a reference."""
    resource = parameter.resource
    if isinstance(resource, kind):
        return of_itself(resource)
    if resource is not None and not isinstance(resource, Other):
        raise wrong(f"{path}.resource", f"a {kind.__name__} is expected here")
    if parameter.value_identifier is not None:
        return of_reference(Reference(identifier=parameter.value_identifier), Known(), f"{path}.valueIdentifier")
    return of_reference(_given(parameter.value_reference, f"{path}.valueReference"), Known(), f"{path}.valueReference")


def _language(tag: str | None) -> dict[str, object]:
    """BCP 47 begins with the language: en-US is en."""
    return {"language": tag.partition("-")[0].lower()} if tag else {}


def _given(value: T | None, path: str) -> T:
    if value is None or value == "":
        raise wrong(path, "a value is expected here")
    return value


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
