"""Access tokens: JWT (RFC 7519), HS256 and nothing else, short-lived, checked without a look into the database."""

from __future__ import annotations

import time

import jwt
import uuid_utils
from jwt.exceptions import InvalidTokenError

from api.security.principal import Principal
from shared.accounts import ROLES, User

ALGORITHM = "HS256"
ISSUER = "clinq"
AUDIENCE = "clinq-api"
TYPE = "access"
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti", "typ", "tenant", "role"]


class Tokens:
    """Makes and reads access tokens."""

    def __init__(self, secret_key: str, *, minutes: int) -> None:
        self._secret_key = secret_key
        self.lifetime_s = minutes * 60

    def make(self, user: User) -> str:
        """A token for this account."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user.id,
            "tenant": user.tenant,
            "role": user.role,
            "typ": TYPE,
            "iat": now,
            "exp": now + self.lifetime_s,
            "jti": str(uuid_utils.uuid7()),
        }
        return jwt.encode(claims, self._secret_key, ALGORITHM)

    def read(self, token: str) -> Principal | None:
        """Whoever the token names; None when it is not ours, was changed, or has ended."""
        try:
            claims = jwt.decode(
                token,
                self._secret_key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": REQUIRED},
            )
        except InvalidTokenError:
            return None
        role = claims["role"]
        if claims["typ"] != TYPE or role not in ROLES:
            return None
        scopes = frozenset(ROLES[role].split())
        return Principal(f"user:{claims['sub']}", str(claims["tenant"]), scopes, role, float(claims["exp"]))
