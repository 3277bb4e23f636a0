"""`clinq demo`, whole: a recording and a note through the public API of a service that it starts and stops."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import environment

CLINQ = (sys.executable, "-m", "shared.cli")


@pytest.mark.process
def test_without_weights_it_says_how_to_get_them_and_starts_nothing(tmp_path: Path) -> None:
    own = environment(models_dir=str(tmp_path / "none"), profile="embedded")
    ended = subprocess.run(
        [*CLINQ, "demo", "--output", str(tmp_path / "out")], env=own, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "run `clinq models pull` first" in ended.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.process
@pytest.mark.models
def test_it_shows_and_writes_what_came_out_and_leaves_no_process(tmp_path: Path) -> None:
    output = tmp_path / "out"
    ended = subprocess.run(
        [*CLINQ, "demo", "--output", str(output)], env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    for words in ("Transcript", "transcribe done", "Facts", "penicillin", "father", "all done"):
        assert words in ended.stdout or words.lower() in ended.stdout
    assert {path.name for path in output.iterdir()} == {
        "result.json",
        "bundle.json",
        "transcript.vtt",
        "note_result.json",
        "note_bundle.json",
    }
    heard = json.loads((output / "result.json").read_text())
    assert "penicillin" in heard["transcript"]["text"].lower()
    assert json.loads((output / "bundle.json").read_text())["resourceType"] == "Bundle"
    assert (output / "transcript.vtt").read_text().startswith("WEBVTT")
    facts = {fact["text"].lower(): fact for fact in json.loads((output / "note_result.json").read_text())["facts"]}
    assert facts["vomiting"]["assertion"] == "absent"
    assert facts["stroke"]["relation"] == "father"
    homes = subprocess.run(["pgrep", "-f", "clinq-demo-"], capture_output=True, text=True, check=False).stdout
    assert homes == ""
