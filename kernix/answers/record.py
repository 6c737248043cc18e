"""Recording the output of a build for when it is requested again; `kernix.answers.cache` reads it."""

from __future__ import annotations

import contextlib
import os
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from kernix.answers.cache import Question
from kernix.evaluation.inputs import find_lock, overlay_files
from store.gc.roots import absolute, auto_entry
from store.layout import Layout


if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from derivations.derivation import Output
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@attrs.frozen
class Recorder:
    """A question with the state of the files that its answer depends on."""

    question: Question
    lock: str
    state: str

    def record(self, text: str, places: Mapping[Output, Path], links: Mapping[Path, Output]) -> None:
        """Record that *text* was printed for outputs at *places* with *links* to them, if it can be written."""
        with contextlib.suppress(OSError):
            self.question.remember(text, self.lock, self.state, self._facts(places, links))

    def _facts(self, places: Mapping[Output, Path], links: Mapping[Path, Output]) -> Iterator[tuple[str, ...]]:
        home = Path(self.question.home)
        layout = Layout(Path(os.path.realpath(home)))
        for directory in (home, *{link.parent for link in links}):
            yield "same", os.fspath(directory.absolute()), os.fspath(directory.resolve())
        for link, output in links.items():
            place = absolute(link)
            yield "link", os.fspath(place), os.fspath(places[output])
            yield "link", os.fspath(auto_entry(layout, place)), os.fspath(place)
        for output, place in places.items():
            yield "result", output.derivation.key.hex(), output.name, place.name


def recorder(session: Session, options: Options, *, loaded: Container[str] = sys.modules) -> Recorder | None:
    """Return the memory for the current build; None if its answer may depend on more than can be recorded.

    *loaded* holds the names of the modules that were imported before now.

    Raises:
        InvalidPlace, UserFileMissing: an option or the environment names something that does not exist.
    """
    if "derivations" in loaded:  # from files that may have been different then
        return None
    if options.file is not None or any(isinstance(it, Path) for it in overlay_files(session, options)):
        return None
    lock = os.fspath(find_lock(options.lock, Path.cwd(), lambda: session.config_home))
    try:
        question = Question(session.words, session.environment)
        return Recorder(question, lock, question.state(lock))
    except OSError:  # evaluation reports what is wrong
        return None
