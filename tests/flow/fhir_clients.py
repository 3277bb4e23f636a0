"""Two FHIR clients that nobody here wrote, behind one face: fhirpy (Python) and fhir-kit-client (npm)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError, OperationOutcome

from tests.fhir_kit.kit import Kit, kit
from tests.house import House

ASYNC = {"Prefer": "respond-async"}


@dataclass(frozen=True, slots=True)
class Said:
    """What came back; fhirpy hides status and headers of what went well."""

    body: dict[str, Any]
    ok: bool
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The type of the resource."""
        return str(self.body["resourceType"])

    @property
    def code(self) -> str:
        """The stable word of an error, else the kind of the first issue."""
        first = self.body["issue"][0]
        return str(first["details"]["coding"][0]["code"] if "coding" in first["details"] else first["code"])

    @property
    def here(self) -> str:
        """Where to ask after the job, below the server's base."""
        told = self.headers.get("content-location") or self.body["issue"][0]["diagnostics"]
        return "async/" + str(told).rpartition("/")[2]


class Client(Protocol):
    """One client of the service's FHIR face."""

    def metadata(self) -> Said: ...

    def extract(self, resource: dict[str, Any], *, wait: bool = True) -> Said: ...

    def ask(self, path: str) -> Said: ...

    def delete(self, path: str) -> Said: ...


@dataclass(frozen=True, slots=True)
class Fhirpy:
    """fhirpy's asynchronous client."""

    url: str
    key: str

    def metadata(self) -> Said:
        return self._do("metadata", "get")

    def extract(self, resource: dict[str, Any], *, wait: bool = True) -> Said:
        return self._do("$extract", "post", resource, {} if wait else ASYNC)

    def ask(self, path: str) -> Said:
        return self._do(path, "get")

    def delete(self, path: str) -> Said:
        return self._do(path, "delete")

    def _do(
        self, path: str, method: str, data: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Said:
        client = AsyncFHIRClient(self.url, authorization=f"Bearer {self.key}", extra_headers=headers or {})
        try:
            return Said(asyncio.run(client.execute(path, method=method, data=data)), ok=True)
        except OperationOutcome as error:
            return Said(error.resource, ok=False)
        except BaseFHIRError as error:
            return Said(json.loads(str(error)), ok=False)


@dataclass(frozen=True, slots=True)
class FhirKit:
    """npm's fhir-kit-client."""

    kit: Kit

    def metadata(self) -> Said:
        return self._do("metadata")

    def extract(self, resource: dict[str, Any], *, wait: bool = True) -> Said:
        return self._do("extract", input=resource, headers={} if wait else ASYNC)

    def ask(self, path: str) -> Said:
        return self._do("ask", path=path)

    def delete(self, path: str) -> Said:
        return self._do("delete", path=path)

    def _do(self, act: str, **asked: Any) -> Said:
        told = self.kit.tell(act, **asked)
        return Said(told["body"], told["status"] < 400, told["status"], told["headers"])


@contextmanager
def client(name: str, home: House) -> Iterator[Client]:
    """fhirpy or fhir-kit, with the house's key."""
    url = f"http://127.0.0.1:{home.port}/fhir"
    if name == "fhirpy":
        yield Fhirpy(url, home.key)
        return
    with kit(url, home.key) as process:
        yield FhirKit(process)
