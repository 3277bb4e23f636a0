"""Any server that speaks OpenAI's HTTP (vLLM, Ollama, llama.cpp): rows side by side, tokens as they come."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import certifi
import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared.errors import BackingServiceError, ModelUnavailableError
from shared.registry import ModelVersion
from shared.settings import Settings
from worker.generate.writer import Form, Message, Most, OnRow, first_line, of_each
from worker.stage import Device, Listen

TRIES = 4
PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
CONNECT_S = 10.0
LISTEN_S = 0.05
PARALLEL = "8"
"""Rows that are asked for at once; the server batches them."""
BYTES_A_TOKEN = 3
"""Fewer than tokenizers of English and Spanish have, so that a window is rather too short than too long."""
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class _BusyError(Exception):
    """The server is away, busy or broke off: worth another try."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is served, and as what."""

    url: str
    """Down to /v1, without a slash at the end."""
    model: str
    key: str
    timeout_s: float
    """Longest silence of the server."""
    chat: bool
    """Whether a prompt is sent as a user's turn, for which the server has a template, or to be continued as it is."""
    parallel: int


@dataclass(frozen=True, slots=True)
class Remote:
    """A model behind a server; nothing of it is held here."""

    server: Server
    form: Form = "continues"

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        """The turns one below the other: the server's own template, where it has one, goes around them."""
        return "\n\n".join([*(each.content for each in chat), begin])

    def write(
        self,
        prompts: Sequence[str],
        *,
        most_tokens: Most,
        on_token: OnRow,
        listen: Listen,
        stop_at_line: bool = False,
        static: str = "",
    ) -> list[str]:
        """What the model writes after each prompt (see Writer); the server caches what prompts have in common.

        Raises BackingServiceError when the server stays away or busy, ModelUnavailableError when it refuses.
        """
        asking = _Asking(self.server, of_each(most_tokens, len(prompts)), stop_at_line, on_token)
        return asyncio.run(_all(asking, [f"{static}{each}" for each in prompts], listen))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text at the most, reckoned by its bytes: the server's tokenizer is not here."""
        return [-(-len(text.encode()) // BYTES_A_TOKEN) for text in texts]


def load(model: ModelVersion, device: Device) -> Remote:  # noqa: ARG001 - the weights live elsewhere
    """The model by its options (url, model, api, parallel); whether the server is there shows with the first job.

    Raises ModelUnavailableError when its address is none that CLINQ_MODEL_SERVERS names: clinical text goes nowhere
    else.
    """
    settings = Settings()
    url = model.options.get("url", next(iter(settings.model_servers), "")).rstrip("/")
    if not url or url not in {each.rstrip("/") for each in settings.model_servers}:
        raise ModelUnavailableError(
            f"{model.name} has no server that is allowed: name its address, http://host:port/v1, in CLINQ_MODEL_SERVERS"
        )
    return Remote(
        Server(
            url,
            model.options.get("model", model.name),
            settings.model_server_key.get_secret_value(),
            settings.model_server_timeout_s,
            chat=model.options.get("api") == "chat",
            parallel=int(model.options.get("parallel", PARALLEL)),
        )
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is the same for all rows of a call."""

    server: Server
    most: Sequence[int]
    """Tokens of each row."""
    stop_at_line: bool
    on_token: OnRow

    async def row(self, http: httpx.AsyncClient, at: int, prompt: str) -> str:
        """One row's text; a try that breaks off is made again, and what it told is not told twice."""
        told = ""
        tries = AsyncRetrying(
            retry=retry_if_exception_type((_BusyError, httpx.TransportError)),
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(multiplier=PAUSE_S, max=LONGEST_PAUSE_S),
            reraise=True,
        )
        async for each in tries:
            with each:
                text, tokens = "", 0
                async for part in self._parts(http, prompt, self.most[at]):
                    text, tokens = text + part, tokens + 1
                    if len(text) > len(told):
                        new, told = text[len(told) :], text
                        self.on_token(at, tokens, new)
                    if tokens >= self.most[at] or (self.stop_at_line and "\n" in text):
                        break
        return first_line(text) if self.stop_at_line else text

    async def _parts(self, http: httpx.AsyncClient, prompt: str, most: int) -> AsyncIterator[str]:
        path = "/chat/completions" if self.server.chat else "/completions"
        async with http.stream("POST", f"{self.server.url}{path}", json=self._body(prompt, most)) as answer:
            _refuse(answer.status_code)
            async for line in answer.aiter_lines():
                name, _, value = line.partition(":")
                if name == "data" and value.strip() == "[DONE]":
                    return
                if name == "data" and (part := _part(value)):
                    yield part

    def _body(self, prompt: str, most: int) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self.server.model,
            "max_tokens": most,
            "temperature": 0,
            "stream": True,
        }
        asked |= {"messages": [{"role": "user", "content": prompt}]} if self.server.chat else {"prompt": prompt}
        return asked | ({"stop": ["\n"]} if self.stop_at_line else {})


async def _all(asking: _Asking, prompts: Sequence[str], listen: Listen) -> list[str]:
    """All rows side by side; whatever is raised, the connections are closed when this ends."""
    side_by_side = asyncio.Semaphore(asking.server.parallel)
    async with _connect(asking.server) as http:

        async def one(at: int, prompt: str) -> str:
            async with side_by_side:
                return await asking.row(http, at, prompt)

        rows = [asyncio.create_task(one(at, prompt)) for at, prompt in enumerate(prompts)]
        whole, ear = asyncio.gather(*rows), asyncio.create_task(_hear(listen))
        either: set[asyncio.Future[Any]] = {whole, ear}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if ear.done():
                ear.result()
            return whole.result()
        except (_BusyError, httpx.TransportError) as error:
            raise BackingServiceError(f"the model server stays away or busy ({type(error).__name__})") from None
        finally:
            for each in (*rows, ear):
                each.cancel()
            await asyncio.gather(*rows, ear, whole, return_exceptions=True)


async def _hear(listen: Listen) -> None:
    while True:
        listen()
        await asyncio.sleep(LISTEN_S)


def _connect(server: Server) -> httpx.AsyncClient:
    """A client for this address alone: no proxy of the environment and no redirect takes the text elsewhere."""
    trust = ssl.create_default_context(cafile=certifi.where())
    trust.load_default_certs()
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    timeout = httpx.Timeout(server.timeout_s, connect=min(CONNECT_S, server.timeout_s))
    return httpx.AsyncClient(verify=trust, headers=headers, timeout=timeout, trust_env=False, follow_redirects=False)


def _refuse(status: int) -> None:
    if status in BUSY:
        raise _BusyError
    if status != httpx.codes.OK:  # its body may repeat the prompt, and is never read
        raise ModelUnavailableError(
            f"the model server answers {status}: check its address, CLINQ_MODEL_SERVER_KEY and the option `model`"
        )


def _part(value: str) -> str:
    """The text of one event, in either form of the interface."""
    try:
        event = json.loads(value)
        if "error" in event:
            raise _BusyError
        choice = event["choices"][0] if event["choices"] else {}
        return str(choice.get("text") or (choice.get("delta") or {}).get("content") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelUnavailableError(
            "the model server's answer is none of OpenAI's interface: check its address"
        ) from None
