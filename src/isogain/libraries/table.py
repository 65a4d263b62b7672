"""The table of models, and of the layers in the catalog."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from isogain.checking import Checks, shown
from isogain.errors import DataError
from isogain.rendering import MOST_LINES, Line, shortened

__all__ = ["Atlas", "Kind", "ModelStart", "atlas"]


CHECKS = Checks(DataError)


@dataclass(frozen=True)
class Kind:
    """One kind of parameter of a model, and what it starts from."""

    kind: str
    """The class that holds it and its name there: "Linear.weight"."""
    law: str
    """As isogain prints it; empty where it is computed, copied or random without a law of isogain's."""
    where: str
    """The file and line that wrote it, as its library's package has them."""
    count: int
    example: str
    shape: tuple[int, ...]

    @property
    def says(self) -> str:
        """The law, or how it comes to be."""
        return self.law or self.where.partition(":")[0]


@dataclass(frozen=True)
class ModelStart:
    """One model of a library, small, built by its own constructor."""

    model: str
    library: str
    version: str
    parameters: int
    starts: tuple[Kind, ...]
    verdict: str = ""
    """What `inspect` says of it at the start; empty where it was not inspected."""
    findings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-ready data."""
        starts = [{**one.__dict__, "shape": list(one.shape)} for one in self.starts]
        return {**self.__dict__, "starts": starts, "findings": list(self.findings)}

    def __str__(self) -> str:
        found = ", ".join(self.findings)
        verdict = f"; inspect: {self.verdict}{f' ({found})' if found else ''}" if self.verdict else ""
        lines = [f"{self.model} ({self.library} {self.version}, {self.parameters:,} parameters){verdict}"]
        for one in self.starts:
            count = f" x {one.count}" if one.count > 1 else ""
            lines += [f"  {one.kind}{count}, as {one.example}: {one.says}", f"      {one.where}"]
        return "\n".join(lines)


class Atlas(Line, Sequence[ModelStart]):
    """All models, by name and version; prints as a list."""

    def __init__(self, models: Sequence[ModelStart]) -> None:
        self._models = tuple(models)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self.named(index)
        return self._models[index]

    def __len__(self) -> int:
        return len(self._models)

    def __iter__(self) -> Iterator[ModelStart]:
        return iter(self._models)

    def named(self, name: str) -> ModelStart:
        """The model of that name, in the newest version that is held."""
        name = CHECKS.text("the name of a model", name, "transformers/gpt2")
        found = [one for one in self._models if one.model.lower() == str(name).lower()]
        if not found:
            names = {one.model.lower(): one.model for one in self._models}
            near = difflib.get_close_matches(str(name).lower(), list(names), n=3, cutoff=0.4)
            hint = f"; did you mean {' or '.join(repr(names[one]) for one in near)}?" if near else ""
            raise DataError(f"the atlas has no model {shown(name)}{hint}")
        return max(found, key=lambda one: version_key(one.version))

    def search(self, words: str) -> Atlas:
        """The models whose name, library, laws, places or findings contain every one of the words."""
        wanted = CHECKS.text("words to search for", words, "timm zero").lower().split()
        return Atlas([one for one in self._models if all(word in _text(one) for word in wanted)])

    @property
    def libraries(self) -> dict[str, int]:
        """Library -> how many of its models are held."""
        counts: dict[str, int] = {}
        for one in self._models:
            counts[one.library] = counts.get(one.library, 0) + 1
        return counts

    def __str__(self) -> str:
        lines = [
            f"{one.model}  {one.version}  {len({kind.law for kind in one.starts})} laws"
            f"{f'  {one.verdict}' if one.verdict else ''}"
            for one in self._models
        ]
        return "\n".join(
            shortened(lines, MOST_LINES, "search() narrows them down, and iterating has them all")
        )

    def __repr__(self) -> str:
        names = {one.model for one in self._models}
        return f"<Atlas of {len(names)} models of {len(self.libraries)} libraries, {len(self)} with versions>"


def _text(model: ModelStart) -> str:
    kinds = " ".join(f"{one.kind} {one.law} {one.where}" for one in model.starts)
    return f"{model.model} {model.library} {model.verdict} {' '.join(model.findings)} {kinds}".lower()


def version_key(version: str) -> tuple[int, ...]:
    """Versions in their order."""
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split("."))


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """What other libraries' models start with: each kind of parameter, its law, and where it is written.

    Read by `own_plan` off the libraries' own code, in the versions that are named; layers of frameworks are
    rows of `ig.catalog()`, which `ig.default(layer)` reads.

    >>> atlas().search("timm vit")[0].library
    'timm'
    """
    text = resources.files("isogain.libraries").joinpath("models.jsonl").read_text(encoding="utf-8")
    return Atlas([_read(json.loads(line)) for line in text.splitlines()])


def _read(record: Mapping[str, Any]) -> ModelStart:
    kinds = tuple(Kind(**{**one, "shape": tuple(one["shape"])}) for one in record["starts"])
    names = ("model", "library", "version", "parameters")
    told = {name: record[name] for name in names}
    return ModelStart(
        **told, starts=kinds, verdict=record.get("verdict", ""), findings=tuple(record.get("findings", ()))
    )
