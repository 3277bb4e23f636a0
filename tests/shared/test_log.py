"""Logs carry ids and places, never the message of an exception."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from shared import log as logs

CANARY = "CANARY-John-Doe-headache"


@pytest.fixture
def restored():
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    yield
    logging.getLogger().handlers, logging.getLogger().level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_an_exception_is_logged_by_type_and_place_only(capsys: pytest.CaptureFixture[str], restored: None):
    logs.configure(level="INFO", as_json=True, role="test")
    for logger in (structlog.get_logger(), logging.getLogger("somebody.else")):
        try:
            int(CANARY)  # the message of this ValueError quotes what it was given
        except ValueError:
            logger.exception("it failed")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["error"] for line in lines] == ["ValueError", "ValueError"]
    assert all(line["at"] for line in lines)
    assert CANARY not in json.dumps(lines)
