"""The promises of the house: where things stand, what imports what, and what no file may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from shared.job import StageName
from shared.settings import Settings

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("api", "worker", "shared")
LONGEST_FILE = 300  # lines
MODEL_LIBRARIES = ("torch", "transformers", "peft", "whisper", "faster_whisper", "ctranslate2", "onnxruntime")
SETTING_OF_ANOTHER_PROGRAM = {"CLINQ_POSTGRES_PASSWORD", "CLINQ_REDIS_PASSWORD"}  # docker-compose.yml's own

MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))
PYTHON = [*MODULES, *sorted((REPOSITORY / "deploy").rglob("*.py")), *sorted((REPOSITORY / "tests").rglob("*.py"))]
PAGE = sorted(path for path in (REPOSITORY / "api" / "web").rglob("*") if path.suffix in {".js", ".css", ".html"})


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("stage", list(StageName))
def test_every_stage_has_a_file_that_loads_it(stage):
    assert callable(import_module(f"worker.stages.{stage.value}").load)


def test_every_file_among_the_stages_is_a_stage():
    files = {path.stem for path in (REPOSITORY / "worker" / "stages").glob("*.py")}
    assert files == {"__init__", *(stage.value for stage in StageName)}


def test_the_gateway_starts_where_no_model_library_can_be_imported():
    code = f"import sys; sys.modules.update(dict.fromkeys({MODEL_LIBRARIES})); import api.app, shared.cli"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


def test_every_setting_stands_in_the_readme_and_no_other():
    told = set(re.findall(r"CLINQ_[A-Z][A-Z0-9_]*", (REPOSITORY / "README.md").read_text()))
    assert told - SETTING_OF_ANOTHER_PROGRAM == {f"CLINQ_{name.upper()}" for name in Settings.model_fields}


def test_no_file_is_longer_than_a_reader_s_patience():
    lengths = {named(path): len(path.read_text().splitlines()) for path in [*PYTHON, *PAGE]}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_every_module_says_its_job_in_its_first_line():
    silent = [named(path) for path in MODULES if not (ast.get_docstring(ast.parse(path.read_text())) or "").strip()]
    assert silent == []


def test_nothing_runs_what_it_was_given_as_code():
    found = [f"{named(path)}:{line} {call}" for path in PYTHON for line, call in dangerous(path)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, Loader)",
        "subprocess.run(words, shell=True)",
        "eval(text)",
        "os.system(text)",
    ],
)
def test_the_check_for_code_that_runs_code_sees(line, tmp_path):
    module = tmp_path / "module.py"
    module.write_text(f"torch.load(path, weights_only=True)\nmodel.eval()\n{line}\n")
    assert [number for number, _ in dangerous(module)] == [3]


FORBIDDEN = {"eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load", "marshal.loads"}


def dangerous(path: Path) -> Iterator[tuple[int, str]]:
    """Calls that would run bytes or text from outside as code: line and name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        unsafe_load = name == "torch.load" and told.get("weights_only") != "True"
        if name in FORBIDDEN or unsafe_load or told.get("shell", "False") != "False":
            yield node.lineno, name
