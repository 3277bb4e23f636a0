"""The short form of `make chaos`: some of each kind of kill, and nothing is lost, stuck, done twice or changed."""

from __future__ import annotations

import threading

import pytest

from tests.chaos.pipelines import Small
from tests.chaos.playing import play
from tests.chaos.scenarios import SHORT, SHORT_RESTARTED
from tests.postgres import Postgres

pytestmark = pytest.mark.process


def test_nothing_is_lost_on_sqlite_whatever_is_killed():
    outcome = play(SHORT, Small(), 1, None, lambda _said: None, threading.Event())
    assert outcome.why == []
    assert outcome.passed


def test_nothing_is_lost_on_postgresql_whatever_is_killed(postgres_server: Postgres):
    outcome = play(SHORT_RESTARTED, Small(), 1, postgres_server, lambda _said: None, threading.Event())
    assert outcome.why == []
    assert outcome.passed
