"""What a FHIR client asks for beside the resource: the form of the answer, and whether it waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.errors import ProblemError
from api.security.guard import Answer

FORMS = frozenset({"json", "application/json", "application/fhir+json", "text/json", "application/*", "*/*"})
VERSION = "4.0"
ASYNC = "respond-async"


def negotiated(kind: type[APIRoute]) -> type[APIRoute]:
    """A route class whose routes first make sure that the client takes JSON."""

    class Negotiated(kind):  # type: ignore[misc, valid-type]  # a class made here has no name for mypy
        def get_route_handler(self) -> Answer:
            answer: Answer = super().get_route_handler()

            async def check(request: Request) -> Response:
                accept = ",".join(request.headers.getlist("accept"))
                if not takes_json(request.query_params.get("_format"), accept):
                    raise ProblemError(
                        406, "not_acceptable", "There is application/fhir+json of FHIR 4.0 here, no other."
                    )
                return await answer(request)

            return check

    return Negotiated


def takes_json(asked: str | None, accept: str) -> bool:
    """Whether FHIR JSON will do; `_format` comes before the Accept header, and without either anything does."""
    if asked is not None:
        return _fits(asked.replace(" ", "+"))  # a plus that was not escaped reads as a blank
    return not accept.strip() or any(_fits(each) for each in accept.split(","))


def prefers_async(headers: Iterable[str]) -> bool:
    """Whether one of the Prefer headers (RFC 7240: there may be several) holds `respond-async`."""
    return any(name == ASYNC for header in headers for name in _preferences(header))


def _preferences(header: str) -> Iterator[str]:
    for each in header.replace(";", ",").split(","):
        yield each.partition("=")[0].strip().lower()


def _fits(media: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in media.split(";"))
    named = dict(part.partition("=")[::2] for part in parameters)
    version = named.get("fhirversion", VERSION).strip('"')
    refused = named.get("q", "1").rstrip("0").rstrip(".") in {"", "0"}
    return kind in FORMS and not refused and (version == VERSION or version.startswith(f"{VERSION}."))
