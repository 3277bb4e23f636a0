"""A model behind an OpenAI-compatible server writes like one that is loaded: streamed, cancelled, tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.errors import BackingServiceError, JobStoppedError, ModelUnavailableError, RetryableError
from shared.registry import ModelVersion
from tests.model_server import ModelServer, model_server
from worker.generate import engines, openai_http
from worker.generate.openai_http import Remote, Server
from worker.generate.writer import Message, quiet
from worker.stage import Device, undisturbed

MODEL = ModelVersion("openai", "openai", options={"model": "llama3.2:1b"})
WHOLE = "pain one two three four\nfive six "


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_http, "PAUSE_S", 0.01)


@pytest.fixture
def served() -> Iterator[ModelServer]:
    with model_server() as made:
        yield made


def remote(served: ModelServer, **more: object) -> Remote:
    bare = Server(served.url, "llama3.2:1b", key="", timeout_s=5.0, chat=False, parallel=4)
    return Remote(replace(bare, **more))


def write(writer: Remote, *prompts: str, most_tokens: int = 16, **more: object) -> list[str]:
    return writer.write(prompts, most_tokens=most_tokens, **{"on_token": quiet, "listen": undisturbed, **more})


@pytest.mark.parametrize("chat", [False, True])
def test_each_row_is_told_as_it_comes_and_stands_at_its_place(served: ModelServer, chat: bool) -> None:
    told: dict[int, str] = {0: "", 1: ""}

    def on_token(row: int, _tokens: int, text: str) -> None:
        told[row] += text

    written = write(remote(served, chat=chat), "knee pain", "mild cough", on_token=on_token)

    assert written == [WHOLE, WHOLE.replace("pain", "cough")]
    assert list(told.values()) == written


def test_a_server_is_asked_for_the_likeliest_tokens_and_never_more_than_wanted(served: ModelServer) -> None:
    [written] = write(remote(served, key="secret"), "pain", most_tokens=3, static="Shared lines.\n")

    [(path, headers, body)] = served.asked
    assert written == "pain one two "
    assert (path, headers["authorization"]) == ("/v1/completions", "Bearer secret")
    assert body == {
        "model": "llama3.2:1b", "prompt": "Shared lines.\npain", "max_tokens": 3, "temperature": 0, "stream": True,
    }  # fmt: skip


def test_a_line_ends_where_it_ends_even_where_the_server_goes_on(served: ModelServer) -> None:
    assert write(remote(served), "pain", stop_at_line=True) == ["pain one two three four"]
    assert served.asked[0][2]["stop"] == ["\n"]


def test_rows_are_asked_for_side_by_side_and_not_all_at_once(served: ModelServer) -> None:
    served.pause_s = 0.02
    write(remote(served, parallel=3), *["pain"] * 8)
    assert served.most_at_once == 3


def test_a_busy_server_is_asked_again_and_a_broken_stream_is_told_once(served: ModelServer) -> None:
    served.refusals, served.breaks_after = [429, 503], [2]
    told: list[str] = []

    written = write(remote(served), "pain", on_token=lambda _row, _tokens, text: told.append(text))

    assert written == [WHOLE]
    assert "".join(told) == WHOLE
    assert len(served.asked) == 4


def test_a_server_that_stays_busy_or_is_away_means_that_the_job_is_tried_later(served: ModelServer) -> None:
    served.refusals = [503] * openai_http.TRIES
    with pytest.raises(BackingServiceError) as raised:
        write(remote(served), "pain")
    assert isinstance(raised.value, RetryableError)
    with pytest.raises(BackingServiceError):
        write(remote(served, url="http://127.0.0.1:9/v1"), "pain")


@pytest.mark.parametrize("status", [302, 400, 401, 404])
def test_a_server_that_refuses_is_not_asked_again_and_its_words_go_nowhere(served: ModelServer, status: int) -> None:
    served.refusals = [status]
    with pytest.raises(ModelUnavailableError, match=str(status)) as raised:
        write(remote(served, key="secret"), "confidential pain")
    assert len(served.asked) == 1
    assert not {"confidential", "secret"} & set(str(raised.value).split())


def test_a_cancel_closes_the_streams_though_no_token_comes(served: ModelServer) -> None:
    served.pause_s = 30.0
    looks = iter(range(100))

    def listen() -> None:
        if next(looks) > 3:
            raise JobStoppedError("cancelled")

    with pytest.raises(JobStoppedError):
        write(remote(served), "pain", "cough", listen=listen)

    deadline = time.monotonic() + 10.0
    while served.at_once and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (served.most_at_once, served.at_once) == (2, 0)


def test_what_a_token_raises_leaves_at_once(served: ModelServer) -> None:
    def stop(_row: int, _tokens: int, _text: str) -> None:
        raise JobStoppedError("cancelled")

    with pytest.raises(JobStoppedError):
        write(remote(served), "pain", on_token=stop)


def test_text_goes_only_where_the_operator_allows_it(served: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnavailableError, match="CLINQ_MODEL_SERVERS"):
        engines.load(MODEL, Device())
    monkeypatch.setenv("CLINQ_MODEL_SERVERS", f"{served.url}/,http://other/v1")
    elsewhere = replace(MODEL, options={"url": "http://evil/v1"})
    with pytest.raises(ModelUnavailableError, match="CLINQ_MODEL_SERVERS"):
        engines.load(elsewhere, Device())

    writer = engines.load(MODEL, Device())

    prompt = writer.prompt([Message("system", "Be brief."), Message("user", "Sum up:")], "- pain")
    assert writer.write([prompt], most_tokens=16, on_token=quiet, listen=undisturbed) == [WHOLE]
    assert writer.lengths(["pain", ""]) == [2, 0]
