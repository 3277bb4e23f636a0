"""Listens to voices window by window and keeps what is learnt on the way: language, progress, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from worker.audio import doubts
from worker.audio.channels import Voice
from worker.audio.engine import Engine, Heard, Joined, Phrase, Sound, Spoken, Together
from worker.audio.lines import Said
from worker.audio.medicines import Medicines, mend
from worker.audio.speech import Window
from worker.stage import Listen

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "km"})  # languages that put no blank between words


@dataclass
class Hearing:
    """One recording being heard; the first window tells the language unless the caller did."""

    engine: Engine
    medicines: dict[str, Medicines]
    """By language."""
    language: str | None
    pause: Callable[[float], None]
    """Called with the seconds of speech heard so far, before each window and each phrase; it may raise."""
    listen: Listen
    """Called by the engine before each of its steps; it may raise."""
    sure: float = 1.0
    """Probability of the language."""
    heard_s: float = 0.0
    missing: list[tuple[float, float]] = field(default_factory=list)
    """Seconds of the recording in which somebody spoke and nothing was recognised."""

    def words(self, voice: Voice, windows: Sequence[Window]) -> Iterator[Said]:
        """The words of one voice in order, each window heard when its first word is asked for, or with its group."""
        for window, phrases in self._heard(voice, windows):
            self.pause(self.heard_s)
            said: list[Spoken] = []
            reached_s = 0.0
            for phrase in phrases:
                said += phrase.words
                for word in phrase.words:
                    self.heard_s, reached_s = self.heard_s + word.end_s - reached_s, word.end_s
                    yield self._place(word, phrase, window)
                self.pause(self.heard_s)
            self.heard_s += window.seconds - reached_s
            self.missing += [window.times(*hole) for hole in doubts.holes(said, window.seconds)]

    def _place(self, word: Spoken, phrase: Phrase, window: Window) -> Said:
        start_s, end_s = window.times(word.start_s, word.end_s)
        return Said(replace(word, start_s=start_s, end_s=end_s), phrase.doubts, self._continues(word))

    def _heard(self, voice: Voice, windows: Sequence[Window]) -> Iterator[tuple[Window, Iterable[Phrase]]]:
        first = 0
        while first < len(windows):
            engine = self.engine
            if isinstance(engine, Together) and engine.at_once > 1 and self.language is not None:
                group = windows[first : first + engine.at_once]
                self.pause(self.heard_s)
                yield from zip(group, self._together(engine, voice, group), strict=True)
            else:
                group = windows[first : first + 1]
                yield group[0], self._phrases(engine, group[0].sound(voice.samples))
            first += len(group)

    def _together(self, engine: Together, voice: Voice, windows: Sequence[Window]) -> list[list[Phrase]]:
        def whole(part: Joined, window: Window) -> list[Phrase]:
            try:
                return list(self._phrases(part, window.sound(voice.samples)))
            finally:
                part.leave()

        parts = [engine.join(self.listen) for _ in windows]
        with ThreadPoolExecutor(len(windows), thread_name_prefix="window") as pool:
            return list(pool.map(whole, parts, windows))

    def _phrases(self, engine: Engine, sound: Sound) -> Iterator[Phrase]:
        heard = engine.hear(sound, self.language, listen=self.listen)
        self._note_language(heard)
        names = self.medicines.get(heard.language)

        def hear_again(part: Sound, hints: Sequence[str]) -> Iterator[Phrase]:
            return engine.hear(part, heard.language, hints, self.listen).phrases

        for phrase in heard.phrases:
            yield mend(phrase, sound, hear_again, names) if names else phrase

    def _note_language(self, heard: Heard) -> None:
        if self.language is None:
            self.language, self.sure = heard.language, heard.language_probability

    def _continues(self, word: Spoken) -> bool:
        """Whether a piece belongs to the word before it, such as -up in follow-up."""
        return self.language not in UNSPACED and not word.text[:1].isspace()
