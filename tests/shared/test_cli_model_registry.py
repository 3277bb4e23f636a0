"""A model is changed by two commands: add and promote; what cannot be loaded is refused with what to do."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared import model_store
from shared.case import Case
from shared.database import Database
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.models import NewVersion, Version
from shared.registry import ModelVersion
from shared.settings import Settings, environment
from tests.command import Run, runner
from tests.conftest import RecordingDesk
from tests.worker.test_summarize_t5 import EXAMPLES, tiny_t5  # noqa: F401 - a fixture
from worker.bringing import Bringer
from worker.lineup import Lineup
from worker.post import Tolerance
from worker.stage import Device

SUMMARIZE = StageName.SUMMARIZE
T5 = {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}
LLAMA = {"architectures": ["LlamaForCausalLM"]}
BERT = {"architectures": ["BertModel"]}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run one command in an empty home: exit status, output, errors."""
    monkeypatch.setenv("CLINQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLINQ_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("CLINQ_PROFILE", "rules")
    monkeypatch.setenv("COLUMNS", "200")
    return runner(monkeypatch, capfd)


def folder(at: Path, config: dict[str, Any], *files: str) -> Path:
    """What looks like a model and holds no real weights."""
    at.mkdir(parents=True)
    (at / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name in files:
        (at / name).write_bytes(name.encode())
    return at


def rows(run: Run) -> dict[str, dict[str, Any]]:
    status, out, _ = run("models", "list", "--json")
    assert status == 0
    return {f"{row['name']}@{row['version']}": row for row in json.loads(out) if row["id"]}


def test_two_commands_are_all_it_takes_to_change_a_model(
    run: Run,
    tmp_path: Path,
    tiny_t5: Path,  # noqa: F811 - the fixture
    case_of: Callable[..., Case],
):
    mine = tmp_path / "my-t5"
    shutil.copytree(tiny_t5, mine)
    status, out, errors = run("models", "add", str(mine), "--stage", "summarize")
    assert (status, "clinq models promote my-t5@1" in out) == (0, True), errors
    shutil.rmtree(mine)  # what is registered is a copy
    status, out, errors = run("models", "promote")
    assert (status, "my-t5@1 serves from now on" in out, "no worker runs" in out) == (0, True, True), errors
    row = rows(run)["my-t5@1"]
    assert (row["state"], row["serves"], row["engine"]) == ("live", ["summarize"], "seq2seq")

    settings = Settings()
    database = Database(settings.database)
    bringer = Bringer(settings.models_dir, Device(), lambda _stage, model: model)
    bench = Lineup(database, {SUMMARIZE: ModelVersion("rules", "rules")}, bringer, "w", "here").first(Tolerance())
    [done] = bench.run(SUMMARIZE, [case_of(EXAMPLES[0][0], language="en")], RecordingDesk())
    database.close()
    assert not isinstance(done, Exception)
    assert [each.text for each in done.summary] == [EXAMPLES[0][1]]
    assert [(each.name, each.version, each.sha256) for each in done.models] == [("my-t5", "1", row["sha256"])]

    status, out, _ = run("models", "rollback", "--stage", "summarize")
    assert (status, "the manifest's own model serves again" in out) == (0, True)
    assert rows(run)["my-t5@1"]["state"] == "retired"


def test_weights_that_cannot_be_loaded_are_not_registered_and_leave_nothing_behind(run: Run, tmp_path: Path):
    broken = folder(tmp_path / "broken", T5, "model.safetensors")
    status, _, errors = run("models", "add", str(broken), "--stage", "summarize")
    assert (status, "it cannot serve summarize" in errors) == (1, True)
    assert rows(run) == {}
    assert list((tmp_path / "models" / "registered").iterdir()) == []


@pytest.mark.parametrize(
    ("config", "files", "stage", "engine"),
    [
        (T5, ("model.safetensors",), "summarize", "seq2seq"),
        (LLAMA, ("model.safetensors", "pytorch_model.bin"), "recommend", "llama"),
        ({"architectures": ["GPT2LMHeadModel"]}, ("model.safetensors",), "summarize", "llama"),
    ],
)
def test_the_files_say_which_engine_loads_them_and_pickles_beside_them_stay_behind(
    run: Run, tmp_path: Path, config: dict[str, Any], files: tuple[str, ...], stage: str, engine: str
):
    source = folder(tmp_path / "mine", config, *files)
    (source / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Mine\n", encoding="utf-8")
    status, out, errors = run("models", "add", str(source), "--stage", stage, "--no-trial", "--json")
    assert status == 0, errors
    row = json.loads(out)
    assert (row["engine"], row["licence"], row["version"]) == (engine, "apache-2.0", "1")
    kept = sorted(path.name for path in (tmp_path / "models" / row["folder"] / "weights").iterdir())
    assert kept == ["README.md", "config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("config", "files", "stage", "said"),
    [
        (T5, ("pytorch_model.bin",), "summarize", "a pickle can run any code"),
        (T5, (), "summarize", "no weights"),
        (T5, ("model.safetensors",), "classify", "needs one that reads text"),
        (BERT, ("model.safetensors",), "summarize", "needs one that writes text"),
        (BERT, ("model.safetensors",), "classify", "add --adapter"),
        ({**LLAMA, "auto_map": {}}, ("model.safetensors",), "summarize", "code of its own"),
        (
            {"architectures": ["WhisperForConditionalGeneration"]},
            ("model.safetensors",),
            "transcribe",
            "ct2-transformers",
        ),
        (T5, ("a.gguf", "b.gguf"), "summarize", "--only"),
    ],
)
def test_what_no_engine_loads_is_refused_with_what_to_do(
    run: Run, tmp_path: Path, config: dict[str, Any], files: tuple[str, ...], stage: str, said: str
):
    source = folder(tmp_path / "mine", config, *files)
    if "pytorch_model.bin" in files:
        (source / "pytorch_model.bin").write_bytes(pickle.dumps([1, 2, 3]))
    status, _, errors = run("models", "add", str(source), "--stage", stage, "--no-trial")
    assert (status, said in errors) == (1, True), errors


def test_the_same_files_are_added_once_and_others_get_the_next_number(run: Run, tmp_path: Path):
    source = folder(tmp_path / "mine", T5, "model.safetensors")
    add = ("models", "add", str(source), "--stage", "summarize", "--no-trial", "--json")
    first, again = json.loads(run(*add)[1]), json.loads(run(*add)[1])
    (source / "model.safetensors").write_bytes(b"trained on")
    second = json.loads(run(*add)[1])
    assert first["id"] == again["id"]
    assert (second["version"], second["sha256"] == first["sha256"]) == ("2", False)
    for version in ("1", "2"):
        assert run("models", "promote", f"mine@{version}", "--wait", "0")[0] == 0
    states = {name: row["state"] for name, row in rows(run).items()}
    assert states == {"mine@1": "retired", "mine@2": "live"}
    assert run("models", "promote", "mine@2")[0] == 1
    assert run("models", "promote", "mine@1", "--canary", "10")[0] == 0
    assert rows(run)["mine@1"]["share"] == 0.1
    assert run("models", "retire", "mine@1", "--reason", "worse")[0] == 0
    _, shown, _ = run("models", "show", "mine@1", "--json")
    acts = [(each["to_state"], each["reason"]) for each in json.loads(shown)["changes"]]
    assert acts[0] == ("retired", "worse")
    status, out, _ = run("models", "compare", "--stage", "summarize", "--json")
    assert (status, {row["model"] for row in json.loads(out)}) == (0, {"mine@1", "mine@2"})


@contextmanager
def hub(source: Path) -> Iterator[str]:
    """A hub with one repository, owner/tiny, as far as a download asks it."""
    commit = "0" * 40

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if self.path.startswith("/api/models/owner/tiny/tree/"):
                tree = [
                    {"type": "file", "path": each.name, "size": each.stat().st_size, "oid": "0" * 40}
                    for each in source.iterdir()
                ]
                self._answer(json.dumps(tree).encode())
            elif self.path.startswith("/api/models/owner/tiny"):
                files = [{"rfilename": each.name} for each in source.iterdir()]
                self._answer(json.dumps({"id": "owner/tiny", "sha": commit, "siblings": files}).encode())
            elif (source / name).is_file():
                self._answer((source / name).read_bytes())
            else:
                self.send_error(404)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.process
def test_a_hub_id_fetches_data_files_alone_and_a_hub_out_of_reach_says_what_to_do(tmp_path: Path):
    source = folder(tmp_path / "repository", T5, "model.safetensors", "pytorch_model.bin", "modeling.py", "README.md")
    own = environment(home=str(tmp_path / "home"), models_dir=str(tmp_path / "models"), profile="rules")
    add = [
        sys.executable,
        "-m",
        "shared.cli",
        "models",
        "add",
        "owner/tiny",
        "--stage",
        "summarize",
        "--no-trial",
        "--json",
    ]

    def ask(endpoint: str) -> subprocess.CompletedProcess[str]:
        settings = {**own, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")}
        return subprocess.run(add, env=settings, capture_output=True, text=True, check=False)

    with hub(source) as endpoint:
        done = ask(endpoint)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    kept = sorted(path.name for path in (tmp_path / "models" / row["folder"] / "weights").iterdir())
    assert (row["name"], row["source"], kept) == (
        "tiny",
        "owner/tiny",
        ["README.md", "config.json", "model.safetensors"],
    )
    away = ask("http://127.0.0.1:9")
    assert (away.returncode, "hf download owner/tiny" in away.stderr) == (1, True)


def test_of_an_adapter_only_data_is_kept_and_damaged_files_are_brought_anew(tmp_path: Path):
    weights, adapter, models_dir = folder(tmp_path / "mine", T5, "model.safetensors"), tmp_path / "lora", tmp_path / "m"
    (adapter / "checkpoint-1").mkdir(parents=True)
    for name in ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "checkpoint-1/optimizer.pt"):
        (adapter / name).write_bytes(b"{}")
    files = [Path("model.safetensors")]
    kept = model_store.keep(weights, adapter, files, models_dir)
    home = models_dir / kept.folder
    assert sorted(path.name for path in (home / "adapter").rglob("*")) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    (home / "weights" / "model.safetensors").write_bytes(b"damaged")
    assert model_store.keep(weights, adapter, files, models_dir) == kept
    assert model_store.digest(home) == kept.sha256


def test_what_an_engine_converts_beside_the_files_does_not_make_them_others(tmp_path: Path):
    mine = folder(tmp_path / "mine", T5, "model.safetensors")
    kept = model_store.keep(mine, None, [Path("model.safetensors"), Path("config.json")], tmp_path / "m")
    new = NewVersion(SUMMARIZE, "mine", "1", "ctranslate2", kept.folder, kept.sha256)
    home = tmp_path / "m" / kept.folder
    folder(home / "converted" / "abc", {}, "model.bin")
    model_store.check(Version(**asdict(new)), tmp_path / "m")
    (home / "weights" / "config.json").write_bytes(b"{}")
    with pytest.raises(ModelUnavailableError, match="not those that were registered"):
        model_store.check(Version(**asdict(new)), tmp_path / "m")
