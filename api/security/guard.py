"""The guard before each route: who sends this, may they, and is the body of the right kind; then the body is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from inspect import signature
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.errors import ProblemError, unauthorized
from api.security.principal import Principal
from api.services import Services
from shared.accounts import PREFIX

BEARER = "bearer "
JSON = "application/json"
MULTIPART = "multipart/form-data"
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
Answer = Callable[[Request], Coroutine[Any, Any, Response]]


def guarded(*scopes: str, body: str | tuple[str, ...] | None = JSON) -> type[APIRoute]:
    """A route class whose routes ask for these scopes, and for one of these kinds of body where they take one."""
    kinds = (body,) if isinstance(body, str) else body

    class Guarded(APIRoute):
        def get_route_handler(self) -> Answer:
            # What takes the request alone needs none of FastAPI's solving of parameters, which costs as much as SQL.
            plain = list(signature(self.endpoint).parameters) == ["request"]
            answer: Answer = self.endpoint if plain else super().get_route_handler()
            path = self.path

            async def guard(request: Request) -> Response:
                services = cast("Services", request.app.state.services)
                principal = await identify(services, credential(request.headers))
                if principal is None:
                    raise unauthorized()
                if not all(principal.may(scope) for scope in scopes):
                    raise ProblemError(403, "forbidden", f"This takes the scope {' and '.join(scopes)}.")
                await services.limits.check(principal, path)
                if kinds is not None and request.method in WITH_BODY:
                    check_kind(request, *kinds)
                request.state.principal = principal
                return await answer(request)

            return guard

    return Guarded


class JsonOnly(APIRoute):
    """A route that is open to all and takes JSON."""

    def get_route_handler(self) -> Answer:
        """Check the kind of body first."""
        answer = super().get_route_handler()

        async def guard(request: Request) -> Response:
            check_kind(request, JSON)
            return await answer(request)

        return guard


def check_kind(request: Request, *kinds: str) -> str:
    """The kind of body that was sent. Raises 415 for any other than these."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in kinds:
        raise ProblemError(415, "unsupported_media_type", f"Send Content-Type: {' or '.join(kinds)}.")
    return sent


def credential(headers: Mapping[str, str]) -> str | None:
    """The token or key that a request carries: Authorization: Bearer, or X-API-Key."""
    authorization = headers.get("authorization")
    if authorization is not None and authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    return headers.get("x-api-key")


async def identify(services: Services, secret: str | None) -> Principal | None:
    """Whoever this key or token belongs to."""
    if not secret:
        return None
    if secret.startswith(PREFIX):
        return await services.keys.read(secret)
    return services.tokens.read(secret)
