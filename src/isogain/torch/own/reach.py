"""What statements may write over a model's tensors, by whatever functions they call.

A finished model does not tell what its constructors did after its layers were there (a gain of 0, smaller
ends of branches, an `apply`).  Their code does: a statement that reaches an operation ending in an
underscore, an assignment to `.data`, or to elements of a parameter, in whatever function it calls.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import CodeType, FunctionType
from typing import Any

from torch import nn

from isogain.torch.draw.materialize import places_of
from isogain.torch.own.constructors import code_of, constructors_of, function_of, is_torch, names_of, resolved
from isogain.torch.own.facts import RECIPES, Facts, facts_of, facts_of_names, spelling
from isogain.torch.own.places import is_passed_over

__all__ = ["Reach"]

_LOOKED_AT = 256
"""Functions of a table that are looked at."""
_PUTS = ("setattr", "add_module", "register_module", "set_submodule")
Judge = Callable[["Reach", Facts], bool]


class Reach:
    """What the functions that a model's classes call may write."""

    def __init__(self, model: nn.Module, passed_over: Collection[CodeType] = ()) -> None:
        self.passed_over = passed_over
        self.kinds = {
            base for module in model.modules() for base in type(module).__mro__ if not is_torch(base)
        }
        self._methods: dict[str, list[FunctionType]] = {}
        self._makers = set[FunctionType]()
        for kind in self.kinds:
            for name, one in vars(kind).items():
                if isinstance(function := function_of(one), FunctionType) and name != "__init__":
                    self._methods.setdefault(name, []).append(function)
                    if isinstance(one, classmethod):
                        self._makers.add(function)
        self.tensors = {name for one in places_of(model) for _, name in one.owners}
        """The names of its tensors; of plain ones those that constructors give values."""
        self.parts = {name for module in model.modules() for name in module._modules}
        self._known: dict[FunctionType, tuple[list[Facts], list[FunctionType]]] = {}
        self._of_statements: dict[ast.stmt, bool] = {}
        self._begins: dict[type, bool] = {}
        self._mentions: dict[type, set[str]] = {}

    def of_statement(self, one: ast.stmt, names: Mapping[str, Any]) -> bool:
        """The same of a statement that sees one thing wherever it is repeated: found once."""
        known = self._of_statements.get(one)
        if known is None:
            known = self._of_statements[one] = self.writes(one, names)
        return known

    def writes(self, node: ast.AST, names: Mapping[str, Any]) -> bool:
        """Whether running the node may write values; of the constructor's own code, recipes' calls too."""
        return self._is(_writing, facts_of(node, True), names)

    def hides(self, node: ast.AST, names: Mapping[str, Any]) -> bool:
        """Whether running the node, somewhere outside, may write or exchange what leaves no count."""
        facts = facts_of(node, False)
        called = [*self._called(facts, names)]
        reached = [*self._besides_making(called)]
        said = [([facts], called), *(self._look(one) for one, _ in reached)]
        if any(one.is_uncounted for of_one, _ in said for one in of_one):
            return True
        exchanging = (_exchanging(self, one) for one in (facts, *self._said_of_exchanges(reached)))
        return any(exchanging) or any(self._goes_by_data(*one) for one in said)

    def _said_of_exchanges(self, reached: Iterable[tuple[FunctionType, bool]]) -> Iterator[Facts]:
        """What the functions say, but for those of others that the model's class methods call to load it:
        what these exchange has values."""
        for function, is_making in reached:
            if not is_making or function in self._methods.get(function.__name__, ()):
                yield from self._look(function)[0]

    def exchanges(self, node: ast.AST, names: Mapping[str, Any]) -> bool:
        """Whether running the node, somewhere outside, may put another module in the place of one."""
        facts = facts_of(node, False)
        run = self._besides_making(self._called(facts, names))
        every = (facts, *self._said_of_exchanges(run))
        return any(self._is_part(target) for one in every for target, _ in one.targets) or any(
            spelled.rpartition(".")[2] in _PUTS for one in every for spelled in one.given
        )

    def _is_part(self, target: ast.expr) -> bool:
        """Whether it is where a module is held, by its name or its place in a list."""
        if isinstance(target, ast.Subscript):
            return isinstance(target.value, ast.Attribute) and target.value.attr in (*self.parts, "_modules")
        is_self = isinstance(target, ast.Attribute) and spelling(target.value) == "self"
        return isinstance(target, ast.Attribute) and target.attr in self.parts and not is_self

    def run_by(self, functions: Iterable[FunctionType]) -> set[CodeType]:
        """The code of these and of what they name, but for methods of the model's own classes."""
        own = {one for named in self._methods.values() for one in named}
        return {one.__code__ for one in self._from(functions) if one not in own}

    def begins(self, kind: type) -> bool:
        """Whether a constructor of the class calls what starts a model by its name, by whatever functions."""
        if kind not in self._begins:
            found = [function for _, function in constructors_of(kind)]
            inner = [each for one in found for each in self._look(one)[1]]
            every = [*found, *self._from(inner)]
            named = (set(names_of(one.__code__)) for one in every)
            self._begins[kind] = any(not names.isdisjoint(RECIPES) for names in named)
        return self._begins[kind]

    def _goes_by_data(self, said: Sequence[Facts], called: Sequence[FunctionType]) -> bool:
        """Whether a function goes by `.data`, and it, or one that it calls, writes."""
        if not any(one.has_data for one in said):
            return False
        theirs = [fact for one in called for fact in self._look(one)[0]]
        return any(_writing(self, one) for one in (*said, *theirs))

    def _is(self, judge: Judge, facts: Facts, names: Mapping[str, Any]) -> bool:
        """Whether it is so of this code, or of what it runs."""
        return any(judge(self, one) for one in self._reached(facts, names))

    def is_over_values(self, target: ast.expr, node: ast.AST) -> bool:
        """Whether an assignment writes to one of the model's tensors."""
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
            return target.value.attr == "data" or target.value.attr in self.tensors
        if not isinstance(target, ast.Attribute) or target.attr not in self.tensors:
            return False
        is_self = isinstance(target.value, ast.Name) and target.value.id == "self"
        is_tie = isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute | ast.Name)
        return not is_tie and (isinstance(node, ast.AugAssign) or not is_self)

    def _called(self, facts: Facts, names: Mapping[str, Any]) -> Iterator[FunctionType]:
        """The functions that names stand for: also those that are only handed on."""
        for node in facts.named:
            outside = resolved(node, names)
            found = [outside]
            if outside is None and isinstance(node, ast.Attribute):
                found = [*self._methods.get(node.attr, [])]
            elif self._is_object(outside) and spelling(node) in facts.given:
                found = [function for _, function in constructors_of(outside)]
            elif isinstance(outside, dict | list | tuple):
                found = [*islice(outside.values() if isinstance(outside, dict) else outside, _LOOKED_AT)]
            for one in map(function_of, found):
                if isinstance(one, FunctionType) and not self._is_known(one):
                    yield one

    def _is_object(self, one: Any) -> bool:
        """Whether it is a class of objects that may write; modules beside the model have their own."""
        return isinstance(one, type) and one not in self.kinds and not issubclass(one, nn.Module)

    def _is_known(self, function: FunctionType) -> bool:
        """Whether it needs no look: torch's, Python's, isogain's, and what is looked at by itself."""
        code = function.__code__
        return is_torch(function) or is_passed_over(code) or code in self.passed_over

    def _reached(self, facts: Facts, names: Mapping[str, Any]) -> Iterator[Facts]:
        """What this code says, then what the functions say that it runs."""
        yield facts
        for one in self._functions(facts, names):
            yield from self._look(one)[0]

    def _besides_making(self, functions: Iterable[FunctionType]) -> Iterator[tuple[FunctionType, bool]]:
        """These, and those that they name; and whether class methods of the model's own run them: of those
        not what its constructors have done already, if it is named without arguments."""
        left, seen = [(one, False) for one in functions], set[tuple[FunctionType, bool]]()
        while left:
            function, is_making = left.pop()
            is_making = is_making or function in self._makers
            if (function, is_making) in seen:
                continue
            seen.add((function, is_making))
            yield function, is_making
            said, named = self._look(function)
            given = {one.rpartition(".")[2] for each in said for one in each.given}
            is_done = self._is_done if is_making else lambda one: False
            left += [(one, is_making) for one in named if one.__name__ in given or not is_done(one)]

    def _is_done(self, function: FunctionType) -> bool:
        """Whether it is a method that constructors of the model's own classes run, by whatever methods."""
        named = (self.mentions(kind) for kind in self.kinds)
        is_own = function in self._methods.get(function.__name__, ())
        return is_own and any(function.__name__ in one for one in named)

    def mentions(self, kind: type) -> Collection[str]:
        """All names in the constructors of a class, and in methods that are named there."""
        if kind not in self._mentions:
            left, names = [one for _, one in constructors_of(kind)], set[str]()
            while left:
                fresh = {*names_of(left.pop().__code__)} - names
                names |= fresh
                left += [each for name in fresh for each in self._methods.get(name, ())]
            self._mentions[kind] = names
        return self._mentions[kind]

    def _functions(self, facts: Facts, names: Mapping[str, Any]) -> Iterator[FunctionType]:
        """The functions that it names, and those that they name."""
        yield from self._from(self._called(facts, names))

    def _from(self, functions: Iterable[FunctionType]) -> Iterator[FunctionType]:
        """These, and those that they name."""
        seen, left = set[FunctionType](), [*functions]
        while left:
            function = left.pop()
            if function not in seen:
                seen.add(function)
                yield function
                left += self._look(function)[1]

    def _look(self, function: FunctionType) -> tuple[list[Facts], list[FunctionType]]:
        """What it says, and whom it calls: found once."""
        if function not in self._known:
            self._known[function] = self._read(function)
        return self._known[function]

    def _read(self, function: FunctionType) -> tuple[list[Facts], list[FunctionType]]:
        code = code_of(function)
        if code is None:
            return [facts_of_names(function.__code__.co_names)], []
        said = [facts_of(one, False) for one in code.body]
        return said, [each for one in said for each in self._called(one, code.names)]


def _writing(reach: Reach, facts: Facts) -> bool:
    return facts.writes or any(reach.is_over_values(*one) for one in facts.targets)


def _exchanging(reach: Reach, facts: Facts) -> bool:
    return facts.exchanges or any(
        _is_attribute(one) and reach.is_over_values(one, by) for one, by in facts.targets
    )


def _is_attribute(target: ast.expr) -> bool:
    """What is assigned as a whole is another tensor."""
    return isinstance(target, ast.Attribute)
