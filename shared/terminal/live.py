"""Live progress of one job: bars and growing text on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from shared.client import Client, Document
from shared.job import JobStatus, Progress, StageName
from shared.terminal.following import TITLES, WAITING, Following

BAR_WIDTH = 44
TEXT_LINES = 9
WIDEST = 100  # columns
STATUS_STYLES = {
    JobStatus.COMPLETED: "bold green",
    JobStatus.INSUFFICIENT_CONTENT: "bold yellow",
    JobStatus.CANCELLED: "yellow",
    JobStatus.FAILED: "bold red",
    JobStatus.DEAD: "bold red",
}


class View(Protocol):
    """Shows events as they come; used in a `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def see(self, event: Progress) -> None:
        """Show what an event changes."""
        ...


def view(console: Console, title: str, stages: tuple[StageName, ...]) -> View:
    """The view that fits where the output goes."""
    return Bars(console, title, stages) if console.is_terminal else PlainLines(console, title, stages)


class Bars:
    """One bar a stage, and the end of the text that grows."""

    def __init__(self, console: Console, title: str, stages: tuple[StageName, ...]) -> None:
        self._title = title
        self._heard = Following(stages)
        self._spinner = Spinner("dots", style="cyan")
        self._width = min(console.width, WIDEST)
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=10)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def see(self, event: Progress) -> None:
        """Draw again with what an event tells."""
        self._heard.see(event)

    def _draw(self) -> RenderableType:
        heard = self._heard
        parts: list[RenderableType] = [self._headline(), self._rows()]
        if (stage := heard.written) is not None and not heard.status.terminal:
            parts.append(self._growing(TITLES.get(stage, stage.value), heard.texts[stage]))
        return Group(*parts)

    def _headline(self) -> Text:
        status = self._heard.status
        said = WAITING if status is JobStatus.QUEUED else status.value.replace("_", " ")
        return Text.assemble((self._title, "bold"), "  ", (said, STATUS_STYLES.get(status, "cyan")))

    def _rows(self) -> Table:
        heard = self._heard
        table = Table.grid(padding=(0, 1))
        for stage in heard.stages:
            share = heard.shares.get(stage, 0.0)
            mark: RenderableType = Text("✓", style="green") if stage in heard.done else Text(" ")
            if stage is heard.running:
                mark = self._spinner
            bar = ProgressBar(total=1.0, completed=share, width=BAR_WIDTH)
            table.add_row(Text(" "), mark, Text(f"{stage.value:<10}"), bar, Text(heard.word(stage), style="dim"))
        return table

    def _growing(self, title: str, text: str) -> Panel:
        inside = self._width - 4
        lines = Text(text.rstrip()).wrap(self._live.console, inside)[-TEXT_LINES:]
        return Panel(Text("\n").join(lines), title=title, title_align="left", border_style="dim", width=self._width)


class PlainLines:
    """A line when a stage begins and ends, and the text line by line; for logs and pipes."""

    def __init__(self, console: Console, title: str, stages: tuple[StageName, ...]) -> None:
        self._console = console
        self._title = title
        self._heard = Following(stages)
        self._status: JobStatus | None = None
        self._begun: set[StageName] = set()
        self._ended: set[StageName] = set()
        self._printed: dict[StageName, int] = {}

    def __enter__(self) -> Self:
        self._say(self._title)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def see(self, event: Progress) -> None:
        """Print what is new."""
        self._heard.see(event)
        for stage in self._heard.stages:
            self._tell_stage(stage)
        if event.status is not self._status and event.status is not JobStatus.RUNNING:
            self._say(WAITING if event.status is JobStatus.QUEUED else event.status.value.replace("_", " "))
        self._status = event.status

    def _tell_stage(self, stage: StageName) -> None:
        if stage not in self._heard.shares or stage in self._ended:
            return
        done = stage in self._heard.done
        if stage not in self._begun:
            self._begun.add(stage)
            self._say(f"  {stage.value} …")
        self._tell_text(stage, whole=done)
        if done:
            self._ended.add(stage)
            took = self._heard.took.get(stage)
            self._say(f"  {stage.value} done" + ("" if took is None else f", {took:.1f} s"))

    def _tell_text(self, stage: StageName, *, whole: bool) -> None:
        """Print the lines that are complete; the rest when the stage is done."""
        text = self._heard.texts.get(stage, "")
        end = len(text) if whole else text.rfind("\n") + 1
        for line in text[self._printed.get(stage, 0) : end].splitlines():
            self._say(f"    {line}")
        self._printed[stage] = max(end, self._printed.get(stage, 0))

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def follow(client: Client, job_id: str, console: Console, title: str) -> Document:
    """Show a job's progress until it ends, and return its result."""
    with view(console, title, stages_of(client.result(job_id))) as shown:
        for event in client.events(job_id):
            shown.see(event)
    return client.result(job_id)


def stages_of(document: Document) -> tuple[StageName, ...]:
    """The stages of a job in running order; all of them where the service does not say."""
    named = (each["name"] if isinstance(each, dict) else each for each in document.get("stages") or ())
    return tuple(StageName(name) for name in named) or tuple(StageName)
