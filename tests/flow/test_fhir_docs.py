"""The commands of docs/fhir.md, run as they stand there against a whole house."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.house import house

pytestmark = pytest.mark.process
PAGE = (Path(__file__).parents[2] / "docs" / "fhir.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for name, body in FENCE.findall(PAGE) if name == language]


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path):
    script = "\n".join(f"{block}\necho; echo =====" for block in blocks("bash"))
    with house("redis", "api", "reaper", "worker") as home:
        env = os.environ | {"URL": f"http://127.0.0.1:{home.port}", "KEY": home.key}
        run = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    metadata, waited, later, gone, bulk, reviews, _, _ = (part.strip() for part in done.stdout.split("====="))
    assert json.loads(metadata)["resourceType"] == "CapabilityStatement"
    for answer in (waited, later):
        Bundle.model_validate_json(answer)
    assert gone.endswith("404")
    manifest, *observations = bulk.splitlines()[0].replace("}{", "}\n{", 1).split("\n") + bulk.splitlines()[1:]
    counts = {each["type"]: each["count"] for each in json.loads(manifest)["output"]}
    assert counts["Observation"] == len(observations) > 0
    assert [each["action"] for each in json.loads(reviews[reviews.rindex('{"reviews"') :])["reviews"]] == [
        "correct",
        "confirm",
    ]
    document = json.loads((tmp_path / "document.json").read_text())
    assert document["entry"][0]["resource"]["status"] == "final"
    assert (tmp_path / "oru.hl7").read_text().startswith("MSH|")
    assert "850 mg" in (tmp_path / "mdm.hl7").read_text()
    assert "850" not in (tmp_path / "deidentified.json").read_text()


def test_the_error_that_the_page_shows_is_an_outcome():
    [shown] = blocks("json")
    OperationOutcome.model_validate_json(shown)
