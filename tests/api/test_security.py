"""Who gets in: keys, tokens, passwords, scopes; and what every answer carries."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import httpx
import jwt
import pytest

from api.security import passwords
from api.security.tokens import ALGORITHM, AUDIENCE, ISSUER
from shared import accounts
from shared.accounts import User
from tests.api.conftest import API, NOTE, Gateway

USER = User("0199d0a0-0000-7000-8000-00000000000a", "default", "ada", "clinician", "")
PASSWORD = "a long enough password"
PROTECTED = [
    ("POST", f"{API}/submit"),
    ("POST", f"{API}/submit/audio"),
    ("POST", f"{API}/analyze"),
    ("GET", f"{API}/result/x"),
    ("GET", f"{API}/result/x/bundle"),
    ("GET", f"{API}/result/x/transcript"),
    ("DELETE", f"{API}/result/x"),
    ("GET", f"{API}/auth/keys"),
    ("POST", f"{API}/auth/keys"),
    ("DELETE", f"{API}/auth/keys/x"),
    ("POST", "/submit"),
    ("GET", "/result/x"),
    ("GET", "/metrics"),
]


@pytest.fixture
def user(gateway: Gateway) -> str:
    with gateway.worker.database.write() as connection:
        return accounts.create_user(connection, "default", "ada", passwords.hash_password(PASSWORD), "clinician")


async def login(gateway: Gateway, username: str = "ada", password: str = PASSWORD) -> httpx.Response:
    return await gateway.client.post(f"{API}/auth/login", json={"username": username, "password": password})


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_no_route_opens_without_a_key(gateway: Gateway, method: str, path: str):
    gateway.client.headers.pop("Authorization")
    for headers in ({}, {"Authorization": "Bearer clinq_wrong"}, {"Authorization": "Basic eDp5"}, {"X-API-Key": "x"}):
        answer = await gateway.client.request(method, path, headers=headers, json={})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


async def test_each_route_that_needs_a_key_says_so_in_the_api_description(gateway: Gateway):
    paths = (await gateway.client.get("/openapi.json")).json()["paths"]
    open_ = {path for path, methods in paths.items() for each in methods.values() if "security" not in each}
    assert open_ == {
        "/health",
        "/health/live",
        "/health/ready",
        "/health/detailed",
        "/metrics",
        f"{API}/auth/login",
        f"{API}/auth/refresh",
        f"{API}/auth/logout",
        "/fhir/metadata",
        "/fhir/OperationDefinition/extract",
    }


async def test_a_key_works_in_either_header(gateway: Gateway):
    gateway.client.headers.pop("Authorization")
    for headers in ({"X-API-Key": gateway.key}, {"Authorization": f"bearer {gateway.key}"}):
        assert (await gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=headers)).status_code == 202


async def test_a_key_does_no_more_than_its_scopes(gateway: Gateway):
    reader = gateway.headers(gateway.make_key(scopes="read"))
    job_id = await gateway.submit()
    assert (await gateway.client.get(f"{API}/result/{job_id}", headers=reader)).status_code == 200
    assert (await gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=reader)).status_code == 403
    assert (await gateway.client.delete(f"{API}/result/{job_id}", headers=reader)).status_code == 403
    assert (await gateway.client.get(f"{API}/auth/keys", headers=reader)).status_code == 403


async def test_a_key_is_checked_before_the_body_is_read(gateway: Gateway):
    async def body():
        raise AssertionError("the body was read")
        yield b""

    headers = {"Authorization": "Bearer clinq_wrong", "Content-Type": "application/json", "Content-Length": "10"}
    answer = await gateway.client.post(f"{API}/submit", content=body(), headers=headers)
    assert answer.status_code == 401


async def test_keys_are_made_listed_without_their_secret_and_revoked(gateway: Gateway):
    made = (await gateway.client.post(f"{API}/auth/keys", json={"name": "ehr", "scopes": ["read"]})).json()
    listed = (await gateway.client.get(f"{API}/auth/keys")).text
    headers = gateway.headers(made["key"])
    assert made["key"] not in listed
    assert (await gateway.client.get(f"{API}/result/x", headers=headers)).status_code == 404
    assert (await gateway.client.delete(f"{API}/auth/keys/{made['id']}")).status_code == 204
    assert (await gateway.client.get(f"{API}/result/x", headers=headers)).status_code == 401
    assert (await gateway.client.delete(f"{API}/auth/keys/{made['id']}")).status_code == 404


async def test_a_key_revoked_elsewhere_ends_within_the_cache_s_time(gateway: Gateway):
    key = gateway.make_key()
    assert (await gateway.client.get(f"{API}/result/x", headers=gateway.headers(key))).status_code == 404
    with gateway.worker.database.write() as connection:
        (row,) = [each for each in accounts.list_keys(connection, "default") if each.id != gateway.key][-1:]
        accounts.revoke_key(connection, "default", row.id)
    await asyncio.sleep(gateway.services.settings.key_cache_s + 0.05)
    assert (await gateway.client.get(f"{API}/result/x", headers=gateway.headers(key))).status_code == 401


async def test_a_key_makes_no_key_that_may_do_more(gateway: Gateway):
    maker = gateway.headers(gateway.make_key(scopes="keys read"))
    body = {"name": "more", "scopes": ["read", "submit"]}
    assert (await gateway.client.post(f"{API}/auth/keys", json=body, headers=maker)).status_code == 403
    body = {"name": "odd", "scopes": ["everything"]}
    assert (await gateway.client.post(f"{API}/auth/keys", json=body, headers=maker)).status_code == 422


async def test_a_login_opens_what_the_role_may_do(gateway: Gateway, user: str):
    answer = await login(gateway)
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 1800
    headers = gateway.headers(answer.json()["access_token"])
    assert (await gateway.client.post(f"{API}/submit", json={"text": NOTE}, headers=headers)).status_code == 202
    assert (await gateway.client.get(f"{API}/auth/keys", headers=headers)).status_code == 403


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(gateway: Gateway, user: str):
    wrong = await login(gateway, password="ZQXCANARY")
    unknown = await login(gateway, username="ZQXCANARY")
    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert "ZQXCANARY" not in wrong.text + unknown.text


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(gateway: Gateway, user: str):
    first = (await login(gateway)).json()["refresh_token"]
    second = await gateway.client.post(f"{API}/auth/refresh", json={"refresh_token": first})
    assert second.status_code == 200
    assert (await gateway.client.post(f"{API}/auth/refresh", json={"refresh_token": first})).status_code == 401
    stolen = {"refresh_token": second.json()["refresh_token"]}
    assert (await gateway.client.post(f"{API}/auth/refresh", json=stolen)).status_code == 401


async def test_of_ten_parallel_refreshes_at_most_one_holds(gateway: Gateway, user: str):
    token = {"refresh_token": (await login(gateway)).json()["refresh_token"]}
    answers = await asyncio.gather(*(gateway.client.post(f"{API}/auth/refresh", json=token) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9


async def test_a_logout_ends_the_session(gateway: Gateway, user: str):
    token = {"refresh_token": (await login(gateway)).json()["refresh_token"]}
    assert (await gateway.client.post(f"{API}/auth/logout", json=token)).status_code == 204
    assert (await gateway.client.post(f"{API}/auth/refresh", json=token)).status_code == 401


def forged(gateway: Gateway) -> dict[str, str]:
    tokens = gateway.services.tokens
    good = tokens.make(USER)
    claims = jwt.decode(good, options={"verify_signature": False})
    secret = tokens._secret_key
    header, payload, signature = good.split(".")

    def signed(**changes: object) -> str:
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(kept, secret, ALGORITHM)

    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    return {
        "none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "another algorithm": jwt.encode(claims, secret, "HS512"),
        "tampered": f"{header}.{part(claims | {'role': 'admin'})}.{signature}",
        "expired": signed(exp=int(time.time()) - 1),
        "another audience": signed(aud="other"),
        "another issuer": signed(iss="other"),
        "another type": signed(typ="refresh"),
        "unknown role": signed(role="root"),
        "no expiry": signed(exp=None),
        "another secret": jwt.encode(claims, "x" * 32, ALGORITHM),
        "no token": "x.y.z",
    }


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_only_our_own_unexpired_tokens_hold(gateway: Gateway):
    assert (ISSUER, AUDIENCE) == ("clinq", "clinq-api")
    good = gateway.headers(gateway.services.tokens.make(USER))
    assert (await gateway.client.get(f"{API}/result/x", headers=good)).status_code == 404
    for name, token in forged(gateway).items():
        answer = await gateway.client.get(f"{API}/result/x", headers=gateway.headers(token))
        assert answer.status_code == 401, name


async def test_every_answer_carries_the_security_headers_and_a_request_id(gateway: Gateway):
    for path in ("/", "/health/live", "/nothing", f"{API}/result/x"):
        headers = (await gateway.client.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-request-id"]
    assert (await gateway.client.get(f"{API}/result/x")).headers["cache-control"] == "no-store"


async def test_what_is_not_there_and_wrong_methods_are_problems_too(gateway: Gateway):
    missing = await gateway.client.get("/ZQXCANARY")
    wrong = await gateway.client.put(f"{API}/submit", json={})
    assert (missing.status_code, missing.json()["status"]) == (404, 404)
    assert "ZQXCANARY" not in missing.text
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.headers["content-type"] == missing.headers["content-type"] == "application/problem+json"


async def test_an_unforeseen_error_is_a_bare_500(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    async def broken() -> None:
        raise LookupError("ZQXCANARY")

    monkeypatch.setattr(gateway.services.gate, "check", broken)
    answer = await gateway.client.post(f"{API}/submit", json={"text": NOTE})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "ZQXCANARY" not in answer.text
    assert "Traceback" not in answer.text
