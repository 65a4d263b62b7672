"""What belongs below each picture of a paper: what it shows, and all it takes to draw it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from isogain.lab.outcome import Outcome
from isogain.report.files import write_atomically
from isogain.report.view import Figure, Section, sections_of

__all__ = ["write_captions"]


def write_captions(outcomes: Iterable[Outcome], folder: str | Path) -> Path:
    """Writes captions.txt into `folder`: of every picture that `write_pictures` makes, by its file's name.

    Each has its title, what it shows, the settings and the command.  Raises ReportError for a chart that
    cannot be read or a folder that cannot be written.
    """
    told = [text for section in sections_of(outcomes) for text in _captions(section)]
    return write_atomically(Path(folder) / "captions.txt", "\n\n".join(told) + "\n")


def _captions(section: Section) -> Iterator[str]:
    settings = "; ".join(f"{name}: {value}" for name, value in section.settings)
    repeat = f" Drawn by: {section.command}" if section.command else ""
    for figure in section.figures:
        yield f"{figure.identifier.removeprefix('s-')}\n{_told(figure)} {settings}.{repeat}"


def _told(figure: Figure) -> str:
    return " ".join((f"{figure.title}.", *figure.captions))
