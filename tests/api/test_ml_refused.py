"""What no question to the models may hold is refused with its place, on either database."""

from __future__ import annotations

from typing import Any

import pytest

from shared.settings import Settings
from tests.api.conftest import API, Gateway, changed, running
from tests.api.test_predict import register

NUL = "cough\0"
LATE = "to=9999-12-31T23:30:00Z"
SENT: dict[str, tuple[str, dict[str, Any]]] = {
    "/text": ("predict", {"text": NUL}),
    "/texts/1": ("predict", {"texts": ["cough", NUL]}),
    "/reason": ("models/bert-new/promote", {"reason": NUL}),
    "/measurements/0/at": (
        "predict/deterioration",
        {"measurements": [{"at": "0001-01-01T00:00:00Z", "heart_rate": 80}]},
    ),
}
ASKED = (f"stats?{LATE}", f"models/bert-new/performance?{LATE}", f"ab?stage=classify&a=bert-new&b=x&{LATE}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


async def test_what_no_database_and_no_calendar_holds_is_refused_with_its_place(settings: Settings, database_url: str):
    async with running(changed(settings, database_url=database_url)) as gateway:
        register(gateway)
        for place, (path, body) in SENT.items():
            await refused(gateway, place, path, body)
        await refused(gateway, "/text", "predict/symptom-analysis", {"text": NUL})
        for path in ASKED:
            await refused(gateway, "?to", path)
        await refused(gateway, "", "models/%00/performance")


async def refused(gateway: Gateway, place: str, path: str, body: dict[str, Any] | None = None) -> None:
    answer = await gateway.client.request("GET" if body is None else "POST", f"{API}/ml/{path}", json=body)
    assert answer.status_code == 422, f"{path}: {answer.text}"
    assert place in {"", answer.json()["errors"][0]["pointer"]}, answer.text
