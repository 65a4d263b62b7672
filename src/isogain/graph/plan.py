"""Plan: for every parameter what it starts from, why, and what to expect; data, editable, JSON both ways."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from isogain.checking import Checks, shown
from isogain.core.constructions.packed import Packed
from isogain.core.geometry.layout import implied
from isogain.core.names.catalog import get
from isogain.core.names.typed import InitializerName
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError
from isogain.graph.entry import Entry, PlanError
from isogain.graph.groups import param_groups
from isogain.graph.plan_text import as_text
from isogain.rendering import Shown, Text
from isogain.theory.rates import RateRange

__all__ = ["SCHEMA", "Entry", "Plan", "PlanError"]

SCHEMA = "isogain.plan/1"
CHECKS = Checks(PlanError)


class Plan(Shown, Mapping[str, Entry]):
    """Parameter path -> Entry, in the order of the model; printable, editable, JSON both ways.

    >>> plan = Plan("Net", [Entry("fc.weight", (2, 3), None, "hidden weight", "as found", "out in")])
    >>> plan["fc.weight"] = "he_normal"
    >>> plan["fc.weight"].initializer
    VarianceScaling(scale=2.0, mode='fan_in', distribution='normal')
    >>> Plan.from_json(plan.to_json()) == plan
    True
    """

    shown_as: ClassVar[str] = "plan"

    def __init__(
        self, model: str, entries: Sequence[Entry], *, recipe: str = "default", notes: Sequence[str] = (),
        needed: Sequence[str] = (), rates: Sequence[RateRange] = (),
    ) -> None:  # fmt: skip
        self.model, self.recipe = model, recipe
        self.rates: tuple[RateRange, ...] = tuple(rates)
        """Learning rates that train from this start: of SGD, without and with momentum .9, and of Adam.

        From theory for a deep plain stack, measured where `init_` was given a loss, else empty."""
        self.notes: tuple[str, ...] = tuple(notes)
        """What could not be known when the plan was made."""
        self.needed: tuple[str, ...] = tuple(needed)
        """Why the model should not keep its own start, whatever it is; empty where it may."""
        self._entries = {entry.path: entry for entry in entries}
        self._parameters: Callable[[], Mapping[str, Any]] | None = None
        self._names = {name: entry.path for entry in entries for name in (entry.path, *entry.aliases)}

    def __getitem__(self, path: str) -> Entry:
        if not isinstance(path, str) or path not in self._names:
            near = _near(path, self._names)
            raise PlanError(f"the plan of {self.model} has no parameter {shown(path)}{near}")
        return self._entries[self._names[path]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and path in self._names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, path: str, initializer: InitializerName | str | Initializer | None) -> None:
        """Gives a parameter another initializer (a name of the catalog, a value, or None: keep it).

        Where a weight holds several maps (`entry.packing`), each of them gets it, with its own fans.
        """
        entry = self[path]
        law = get(initializer) if isinstance(initializer, str) else initializer
        if law is not None and not isinstance(law, Initializer):
            raise PlanError(
                f"{path}: an initializer, a name of the catalog or None, got {type(law).__name__}"
            )
        layout = entry.layout
        if law is not None and entry.packing is not None:
            law, layout = self._for_parts(entry, law)
        if law is not None:
            self._check(replace(entry, layout=layout), law)
        self._entries[entry.path] = replace(
            entry, initializer=law, reason="kept on request" if law is None else "chosen by hand",
            gain=math.nan, signal=math.nan, layout=layout,
        )  # fmt: skip

    @staticmethod
    def _for_parts(entry: Entry, law: Initializer) -> tuple[Initializer, str]:
        """The law for each of the maps in a weight; one that says itself how they lie as it is."""
        packing = entry.packing
        assert packing is not None
        if isinstance(law, Packed):
            return law, packing.layout
        geometry = {"groups": entry.groups, "stride": entry.stride, "transposed": entry.transposed}
        return packing.law_of([law] * len(packing.names), entry.shape, geometry)

    @staticmethod
    def _check(entry: Entry, law: Initializer) -> None:
        try:
            law.law(
                entry.shape, layout=implied(entry.layout), groups=entry.groups, stride=entry.stride,
                transposed=entry.transposed,
            )  # fmt: skip
        except IsogainError as error:
            raise PlanError(f"{entry.path}: {law} does not fit: {error}") from error

    def override(
        self, pattern: str, initializer: InitializerName | str | Initializer | None
    ) -> tuple[str, ...]:
        """Gives every parameter that fits the pattern this initializer; returns their paths.

        All or none: PlanError where the pattern fits nothing, or the initializer does not fit one of them.
        """
        CHECKS.text("pattern", pattern, "layers.*.weight")
        paths = tuple(path for path in self._entries if fnmatchcase(path, pattern))
        if not paths:
            raise PlanError(
                f"no parameter of {self.model} fits {shown(pattern)}{_near(pattern, self._names)}"
            )
        before = dict(self._entries)
        try:
            for path in paths:
                self[path] = initializer
        except IsogainError:
            self._entries = before
            raise
        return paths

    @property
    def kept(self) -> tuple[Entry, ...]:
        """The parameters that keep what they have."""
        return tuple(entry for entry in self.values() if entry.kept)

    @property
    def drawn(self) -> tuple[Entry, ...]:
        """The parameters that get new values."""
        return tuple(entry for entry in self.values() if not entry.kept)

    def bind(self, parameters: Callable[[], Mapping[str, Any]]) -> Plan:
        """This plan, knowing where `param_groups` finds the tensors: a function path -> parameter."""
        self._parameters = parameters
        return self

    def param_groups(
        self, lr: float | RateRange | None = None, optimizer: Any = None, *,
        weight_decay: float | None = None, eps: float | None = None, model: Any = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Parameter groups for a torch optimizer, with the learning rates that the recipe prescribes.

        `lr` is the rate of the base network; None takes the middle of `rates`, a RateRange its own.
        `optimizer` is a name, class or instance: of Adam's kind (Adam, AdamW, NAdam, RAdam, Adamax, Lion,
        ...) or SGD.  Parameters of one rate share a group; those that the plan excludes are in it too,
        frozen ones are not.  With `weight_decay` each group's is scaled so that lr * weight_decay stays
        that of the base; with `eps`, Adam's for the base network, each group's shrinks as its gradients
        do with width and depth (muP, CompleteP).  The tensors are the model's at this moment, so call it
        after sharding or materializing; a plan read from JSON needs `model`.

        Raises PlanError for an optimizer of neither kind where the recipe prescribes rates, for a plan that
        knows no model, or one that does not fit it, and without lr where `rates` is empty.
        """
        return param_groups(self, self.rates, lr, optimizer, weight_decay, eps, model, self._parameters)

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that are equal for equal decisions; reasons, roles, notes left out."""
        told = ("reason", "role", "packing")
        decisions = [
            {key: value for key, value in entry.to_dict().items() if key not in told}
            for entry in self.values()
        ]
        text = json.dumps(decisions, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with a schema version."""
        return {
            "schema": SCHEMA, "model": self.model, "recipe": self.recipe, "notes": list(self.notes),
            "needed": list(self.needed), "hash": self.hash, "rates": [one.to_dict() for one in self.rates],
            "entries": [entry.to_dict() for entry in self.values()],
        }  # fmt: skip

    def to_json(self, indent: int | None = None) -> str:
        """The whole plan as JSON of schema isogain.plan/1."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Plan:
        """The plan `to_json` wrote; PlanError says what it cannot read."""
        try:
            data = json.loads(CHECKS.text("the JSON of a plan", text, f'{{"schema": "{SCHEMA}", ...}}'))
        except (json.JSONDecodeError, RecursionError) as error:
            raise PlanError(f"not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise PlanError(f"not a plan: its schema is {shown(found)}, this isogain reads {SCHEMA!r}")
        try:
            entries = [Entry.from_dict(one) for one in CHECKS.series("entries", data["entries"], "entries")]
            names = {name: CHECKS.text(name, data[name], "default") for name in ("model", "recipe")}
            texts = {name: CHECKS.series(name, data[name], "texts") for name in ("notes", "needed")}
            rates = CHECKS.series("rates", data.get("rates", ()), "rates")
        except KeyError as error:
            raise PlanError(f"not a plan: {error} is missing") from error
        ranges = [RateRange.from_dict(one) for one in rates]
        return Plan(names["model"], entries, recipe=names["recipe"], rates=ranges, **texts)

    def table(self, full: bool = False) -> Text:
        """The entries as text: what each starts from and why; `full` leaves nothing out."""
        counts = f"{len(self.drawn)} parameters drawn, {len(self.kept)} kept"
        title = f"plan of {self.model}: {counts}; hash {self.hash}"
        needed = (f"needed: {text}" for text in self.needed)
        notes = (f"note: {text}" for text in self.notes)
        remarks = (*needed, *notes, *(f"rate of {one}" for one in self.rates))
        return Text(as_text(title, self.values(), remarks, full))

    def records(self) -> Iterator[dict[str, Any]]:
        """Its entries: path, shape, initializer, role, predicted gain and signal, reason."""
        for entry in self.values():
            yield {
                "path": entry.path, "shape": entry.shape, "role": entry.role,
                "initializer": str(entry.initializer) if entry.initializer else "kept",
                "gain": entry.gain, "signal": entry.signal, "reason": entry.reason,
            }  # fmt: skip

    def __str__(self) -> str:
        return str.__str__(self.table())

    def __repr__(self) -> str:
        return f"<Plan of {self.model}: {len(self.drawn)} drawn, {len(self.kept)} kept, {self.hash}>"


def _near(path: object, names: Mapping[str, str]) -> str:
    import difflib

    if not isinstance(path, str):
        return ""
    close = difflib.get_close_matches(path, names, n=3)
    return f"; did you mean {', '.join(close)}?" if close else ""
