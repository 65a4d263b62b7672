"""`init_`: plan, draw, calibrate in one pass, verify; everything but the parameters is as before."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from isogain.graph import Graph
from isogain.graph.depth import hurts
from isogain.graph.ends import ends
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.graph.receipt import Gain, Receipt, Written
from isogain.graph.recipes import check_options
from isogain.graph.recipes.typed import RecipeName
from isogain.graph.rules.registry import DEFAULT
from isogain.inspect import Report
from isogain.torch.call.calling import arguments_of
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import Loss, LossLike
from isogain.torch.call.processes import ALONE, Processes, processes_of
from isogain.torch.draw.targets import public_path
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.record.gathering import gathered
from isogain.torch.record.gauge import Gauge, gauge
from isogain.torch.start.apply import apply_
from isogain.torch.start.calibration import Measured, calibrate
from isogain.torch.start.overcoming import overcome
from isogain.torch.start.planning import plan, planned
from isogain.torch.start.quieting import costs_more, quietened, unscale
from isogain.torch.start.rates import parameters_of, rated, shapes_of_base
from isogain.torch.start.settling import alone, resized, settled, unplanned, with_settled
from isogain.torch.start.short_run import stepped, trained
from isogain.torch.start.standing import Contest, Snapshot, sound

__all__ = ["init_"]

FITTED = 3.0
"""Factor from which on a weight was fitted to signals that were of another size than is usual."""
SHORT = 20
"""Steps after which two starts that are both critical are told apart."""
FEW = 30
"""Usual steps after which a start that was asked for may have fallen behind the own one."""
_STARTED: weakref.WeakKeyDictionary[nn.Module, float] = weakref.WeakKeyDictionary()
"""Models that were written before, with the first loss of their own start: the present one is ours, perhaps
trained since, and no reason to leave them alone."""


def init_(
    model: nn.Module,
    inputs: Any = None,
    seed: int = 0,
    *,
    loss: LossLike | None = None,
    exclude: str | Sequence[str] = (),
    recipe: RecipeName | str = DEFAULT,
    keep_healthy: bool = True,
    findings: bool = False,
    rates: bool | None = None,
    **options: Any,
) -> Receipt:
    """Starts a model as well as theory allows, in place; returns the Receipt.

    The plan is made from one watched forward pass and drawn; in a second one every weight whose output
    misses the plan's size is scaled as it runs, and a backward pass from there verifies.  The same seed
    gives the same bits, also on a model that was started before.

    A model whose own start is healthy by `inspect`, and not seen to be hurt by its depth, is left as it is;
    so is one of which the plan's start is no better, by findings or by the loss: `left` of the receipt says
    why.  `keep_healthy=False` draws both all the same, unless what it draws is not finite, silences a layer
    or, where `loss` is given, falls clearly behind the own start in thirty steps of Adam at 1e-3 on the batch
    (undone).  Frozen parameters and those that fit `exclude` are never written: pretrained weights cannot be
    told from drawn ones, so freeze or exclude them.  `findings=True` inspects before and after; `recipe` and
    its options are those of `plan`, and a recipe asked for is always drawn.
    The learning rates that train from there are measured where `loss` is given (`receipt.rates`: some fifteen
    steps on the batch, undone), with `rates=True` by the output's own loss too, with False never; what is not
    measured follows from theory for a deep plain stack.
    Buffers, modes, gradients and all random states are as before; a model that draws random numbers gets
    the same ones whatever those are.  Without inputs (None) nothing is measured: the plan is drawn as it is.

    Raises PlanError or InspectError, with the model as it was, when it cannot be planned, run or written.

    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> init_(model, torch.randn(32, 8), seed=1).plan_hash == init_(model, torch.randn(32, 8)).plan_hash
    True
    """
    check_options(recipe, options)
    inputs, lossy = understood(plain_module(model), inputs, loss)
    receipt = _started(
        model, inputs, seed, loss=lossy, exclude=exclude, recipe=recipe, keep_healthy=keep_healthy,
        findings=findings, options=options,
    )  # fmt: skip
    asked = loss is not None if rates is None else rates
    return rated(receipt, model, inputs, lossy) if asked and inputs is not None else receipt


def _started(
    model: nn.Module, inputs: Any, seed: int, *, loss: Loss | None, exclude: str | Sequence[str], recipe: str,
    keep_healthy: bool, findings: bool, options: Mapping[str, Any],
) -> Receipt:  # fmt: skip
    look, wrapped, model = partial(_looked, model, inputs, loss), model, plain_module(model)
    processes = processes_of(wrapped)
    if inputs is None:
        return apply_(model, plan(model, exclude=exclude, recipe=recipe, **options), seed)
    given = arguments_of(inputs)
    meta = any(parameter.is_meta for parameter in model.parameters())
    with gathered(model):
        before = gauge(model, *given, loss, back=not meta, processes=processes)
        graph = before.graph(before.returned)
        made, scene = planned(
            before, graph, exclude=exclude, recipe=recipe,
            options=shapes_of_base(options),
        )  # fmt: skip
        is_hurt = processes.first(bool(hurts(scene, before.size)))
    made = _of_all(made, processes)
    comparable = recipe == DEFAULT and not meta and model not in _STARTED
    compared = keep_healthy and comparable
    forced = not keep_healthy and comparable and loss is not None and processes is ALONE
    contest = Contest(
        look, compared, compared and is_hurt,
        (findings or _mixed(graph)) and not meta, processes,
        learnt=partial(trained, model, inputs, loss, "adam", SHORT),
        stepped=partial(stepped, model, inputs, loss, FEW) if forced else None,
    )  # fmt: skip
    if contest.stays():
        why = "its own start is healthy, and its depth does it no harm"
        return _receipt(made, seed, before, before, {}, contest, why)
    trial = Trial(model, seed, before, given, loss, contest, ends(scene))
    seen = settled(contest.own) if contest.own is not None and recipe == DEFAULT else {}
    found = unplanned(seen, made)
    if found and compared and not contest.hurt:
        receipt = trial.of(alone(made, found, scene.fixed))
        if not receipt.left and contest.drawn is not None and sound(contest.drawn):
            return receipt
    receipt = trial.of(with_settled(made, found, scene.fixed), scene.fixed if recipe == DEFAULT else None)
    if receipt.left and compared and contest.own is not None and not sound(contest.own):
        return trial.mended(receipt, contest.own, scene.fixed)
    return receipt


def _mixed(graph: Graph) -> bool:
    """Whether trained weights work beside frozen ones."""
    return len({use.trainable for use in graph.parameters if use.nodes}) > 1


@dataclass(frozen=True)
class Trial:
    """Plans drawn, calibrated and held against the model's own start; the better one stays."""

    model: nn.Module
    seed: int
    before: Gauge
    given: tuple[Any, Any]
    loss: Loss | None
    contest: Contest
    ends: frozenset[str]
    """Parameters by which results leave the model, or meet others."""

    def of(self, made: Plan, fixed: frozenset[str] | None = None) -> Receipt:
        """What came of a plan; with `fixed`, what its start shows that one value settles is settled too."""
        made.bind(parameters_of(self.model))
        if not made.drawn:
            return self._left(made, "there is nothing to draw: the plan keeps every parameter")
        kept = Snapshot(self.model, made)
        try:
            apply_(self.model, made, self.seed)
            scaled, after = calibrate(self.before, made, *self.given, self.loss, self.contest.processes)
            found: Mapping[str, Any] = {}
            if fixed is not None and self.loss is not None:
                found = unplanned(self.contest.unsettled(after), made)
            if not found:
                scaled, after = self._quietened(made, scaled, after)
            left = "" if found else self.contest.lost(made, self.before, after, kept)
        except BaseException:
            kept.restore()
            raise
        if found:
            kept.restore()
            return self.of(with_settled(made, found, fixed or frozenset()))
        if left:
            kept.restore()
            return self._left(made, left)
        _STARTED.setdefault(self.model, self.before.loss if self.before.judged else -math.inf)
        return _receipt(made, self.seed, self.before, after, scaled, self.contest, "")

    def mended(self, before: Receipt, own: Report, fixed: frozenset[str]) -> Receipt:
        """What the findings' mends come to where the plan's start mends nothing; or the receipt given."""
        found = resized(own)
        if not found:
            return before
        after = self.of(alone(before.plan, found, fixed))
        return before if after.left else after

    def _quietened(
        self, made: Plan, scaled: dict[str, float], after: Measured
    ) -> tuple[dict[str, float], Measured]:
        """The same with quieter ends, where the loss asks for that."""
        if not self.before.judged or made.recipe != DEFAULT:
            return scaled, after
        paths = map(stable_path, map(public_path, self.ends))
        names = {made[path].path for path in paths if path in made}
        drawn = [entry.path for entry in made.drawn if (entry.drawn_as or entry.path) in names]
        look = partial(gauge, self.model, *self.given, self.loss, back=True, processes=self.contest.processes)
        own = max(
            self.before.loss, _STARTED.get(self.model, -math.inf)
        )  # weights may have been trained since
        factors, seen = quietened(self.model, drawn, own, after.loss, look)
        done, last = self._again(made, scaled, factors, seen or after)
        return {path: scaled.get(path, 1.0) * done.get(path, 1.0) for path in (*scaled, *done)}, last

    def _again(
        self, made: Plan, scaled: Mapping[str, float], quiet: Mapping[str, float], seen: Measured
    ) -> tuple[Mapping[str, float], Measured]:
        """The same where quieter ends left weights that had been scaled for what louder ones handed on."""
        loud = [f for path, f in scaled.items() if path not in quiet and max(f, 1 / f) > FITTED]
        if not quiet or not loud:
            return quiet, seen
        processes = self.contest.processes
        more, last = calibrate(self.before, made, *self.given, self.loss, processes, apart=quiet)
        if costs_more(seen.loss, last.loss):
            unscale(self.model, more)
            return quiet, seen
        return {**quiet, **more}, last

    def _left(self, made: Plan, why: str) -> Receipt:
        return _receipt(made, self.seed, self.before, self.before, {}, self.contest, why)


def _looked(model: nn.Module, inputs: Any, loss: Loss | None) -> Report:
    """What is found in the model, as `inspect` has it."""
    return overcome(inspect(model, inputs, loss), model, inputs, loss)


def _of_all(made: Plan, processes: Processes) -> Plan:
    """The first process's plan, where batches took different ways through the model."""
    alike = processes is ALONE or len(set(processes.all(made.hash))) == 1
    return made if alike else Plan.from_json(processes.first(made.to_json()))


def _receipt(
    made: Plan, seed: int, before: Gauge, after: Measured, scaled: Mapping[str, float],
    contest: Contest, left: str,
) -> Receipt:  # fmt: skip
    written = tuple(
        Written(entry.path, str(entry.initializer), scaled.get(entry.path, 1.0)) for entry in made.drawn
    )
    own, then = contest.own, contest.own if left else contest.drawn
    return Receipt(
        made, seed, () if left else written, tuple(_gains(made, before, after)),
        _codes(own), _codes(then), own.verdict if own else "", then.verdict if then else "", left,
        (before.loss, after.loss) if before.judged else (math.nan, math.nan),
    )  # fmt: skip


def _codes(report: Report | None) -> tuple[str, ...] | None:
    return None if report is None else tuple(finding.key for finding in report.findings)


def _gains(made: Plan, before: Gauge, after: Measured) -> Iterator[Gain]:
    """One row for each operation with a weight, in execution order."""
    for node in after.nodes:
        if node.index not in after.sizes or node.weight is None:
            continue
        name = stable_path(node.weight.name)
        predicted = made[name].signal if name in made else math.nan
        same = before.nodes[node.index].op == node.op if node.index < len(before.nodes) else False
        old = before if same else None
        yield Gain(
            node.path, predicted, old.size(node.index) if old else math.nan, after.size(node.index),
            old.gradient(node.index) if old else math.nan, after.gradient(node.index),
        )  # fmt: skip
