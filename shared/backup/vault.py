"""The keys of a service under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from shared.backup.errors import DamagedBackupError, WrongPassphraseError
from shared.crypto import KEY_BYTES, NONCE_BYTES
from shared.home import Texts

N, R, P = 1 << 17, 8, 1  # 128 MiB and half a second a try: the OWASP Password Storage Cheat Sheet's first choice
SALT_BYTES = 16
PURPOSE = b"clinq backup keys"
SHORTEST = 12  # characters


class Vault(BaseModel):
    """The sealed file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kdf: Literal["scrypt"] = "scrypt"
    n: Annotated[int, Field(ge=1 << 14, le=1 << 20)] = N
    r: Annotated[int, Field(ge=8, le=32)] = R
    p: Annotated[int, Field(ge=1, le=8)] = P
    salt: Base64Bytes
    nonce: Base64Bytes
    sealed: Base64Bytes


class _Plain(BaseModel):
    secret_key: str
    master_keys: str


def seal(texts: Texts, passphrase: str) -> bytes:
    """The keys as a file that only the passphrase opens."""
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    plain = _Plain(secret_key=texts.secret_key, master_keys=texts.master_keys).model_dump_json().encode()
    sealed = AESGCM(_key(passphrase, salt, N, R, P)).encrypt(nonce, plain, PURPOSE)
    return Vault.model_construct(salt=salt, nonce=nonce, sealed=sealed).model_dump_json().encode()


def unseal(stored: bytes, passphrase: str) -> Texts:
    """The keys again. Raises WrongPassphraseError."""
    try:
        vault = Vault.model_validate_json(stored)
    except ValidationError as error:
        raise DamagedBackupError("the sealed keys cannot be read: a newer clinq wrote them") from error
    try:
        key = _key(passphrase, vault.salt, vault.n, vault.r, vault.p)
        plain = AESGCM(key).decrypt(vault.nonce, vault.sealed, PURPOSE)
    except InvalidTag as error:
        raise WrongPassphraseError("this passphrase does not open the keys of this backup") from error
    found = _Plain.model_validate_json(plain)
    return Texts(found.secret_key, found.master_keys)


def _key(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(passphrase.encode())
