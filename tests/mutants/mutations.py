"""The small changes that `make mutants` makes to a module, one at a time.

A mutant is found in the syntax tree and identified by its text, not by its position in the file. A sample therefore
stays the same when other lines change.
"""

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
# Their result does not depend on the order of the arguments, or another order is always a TypeError.
_WITHOUT_ORDER = {"min", "max", "isinstance", "issubclass", "getattr"}
# These only serve mypy.
_FOR_TYPES = {"cast", "TypeVar", "NewType", "assert_never", "assert_type"}


@dataclass(frozen=True)
class Mutant:
    """One change. `lines` are those of the statement, the first and the last; `function` is "" outside of functions."""

    path: str
    function: str
    kind: str
    before: str
    after: str
    # Which of several equal changes in the function, from 0.
    occurrence: int
    line: int
    lines: tuple[int, int]
    at_import: bool
    # The position in the order of `mutants_of`, which `mutated` needs.
    number: int

    @property
    def identity(self) -> str:
        return "\n".join((self.path, self.function, self.kind, self.before, self.after, str(self.occurrence)))

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" + (f" ({self.function})" if self.function else "")
        after = f" -> {_short(self.after)}" if self.after else ""
        return f"{where}: {self.kind}: {_short(self.before)}{after}"


@dataclass(frozen=True)
class _Scope:
    """Where a statement is: the qualified name of its function or class, and whether it runs during the import."""

    name: str = ""
    at_import: bool = True

    def function(self, name: str) -> "_Scope":
        return _Scope(self._within(name), at_import=False)

    def type(self, name: str) -> "_Scope":
        return _Scope(self._within(name), self.at_import)

    def _within(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name


@dataclass(frozen=True)
class _Change:
    kind: str
    before: str
    after: str
    line: int
    statement: ast.stmt | ast.ExceptHandler
    scope: _Scope
    apply: Callable[[], None]


def mutants_of(path: str, source: str) -> list[Mutant]:
    """All mutants of a module, in the order of its text."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    found = []
    for number, change in enumerate(_changes(ast.parse(source))):
        scope = change.scope
        key = (scope.name, change.kind, change.before, change.after)
        lines = _lines_that_run(change.statement)
        found.append(Mutant(path, *key, seen[key], change.line, lines, scope.at_import, number))
        seen[key] += 1
    return found


def mutated(mutant: Mutant, source: str) -> ast.Module:
    """The module's syntax tree with the change."""
    tree = ast.parse(source)
    change = list(_changes(tree))[mutant.number]
    assert (change.kind, change.before, change.after) == (mutant.kind, mutant.before, mutant.after)
    change.apply()
    return ast.fix_missing_locations(tree)


def sample(mutants: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """A random sample, which depends on the seed and on the text of each mutant alone."""

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed}\n{mutant.identity}".encode()).digest()

    return sorted(sorted(mutants, key=rank)[:count], key=lambda one: (one.path, one.number))


def source_files(root: Path) -> list[str]:
    """The modules that are mutated, relative to the checkout."""
    folders = ("layers/sp_api/python", "functions", "operations", "publishing")
    return sorted(str(path.relative_to(root)) for folder in folders for path in (root / folder).rglob("*.py"))


def _lines_that_run(statement: ast.stmt | ast.ExceptHandler) -> tuple[int, int]:
    """The first and the last line of a statement; of a compound one without its body."""
    body: Sequence[ast.AST] = getattr(statement, "body", None) or getattr(statement, "cases", [])
    last = statement.end_lineno or statement.lineno
    if body and not isinstance(statement, ast.Try):
        first_of_body = min(getattr(one, "lineno", 0) or one.pattern.lineno for one in body)  # type: ignore[attr-defined]
        last = max(statement.lineno, first_of_body - 1)
    return statement.lineno, last


def _changes(tree: ast.Module) -> Iterator[_Change]:
    yield from _of_block(tree.body, _Scope())


def _of_block(body: list[ast.stmt], scope: _Scope) -> Iterator[_Change]:
    for position, statement in enumerate(body):
        yield from _of_statement(body, position, scope)
        yield from _inside(statement, scope)


def _of_statement(body: list[ast.stmt], position: int, scope: _Scope) -> Iterator[_Change]:
    """The statement removed, in another order, or without what it returns."""
    statement = body[position]

    def replace(new: Sequence[ast.stmt], until: int = position + 1) -> Callable[[], None]:
        def apply() -> None:
            body[position:until] = new

        return apply

    def change(kind: str, after: str, apply: Callable[[], None], before: ast.AST = statement) -> _Change:
        return _Change(kind, ast.unparse(before), after, statement.lineno, statement, scope, apply)

    if _can_be_removed(statement, scope):
        yield change("statement removed", "", replace([ast.copy_location(ast.Pass(), statement)]))
    if _is_call(statement) and position + 1 < len(body) and _is_call(body[position + 1]):
        following = body[position + 1]
        if ast.unparse(following) != ast.unparse(statement) and not _both_add_arguments(statement, following):
            yield change(
                "statements swapped", ast.unparse(following), replace([following, statement], until=position + 2)
            )
    if isinstance(statement, ast.Return) and statement.value is not None and not _is_none(statement.value):
        nothing = ast.copy_location(ast.Return(ast.Constant(None)), statement)
        yield change("return value", "return None", replace([nothing]))
    if isinstance(statement, ast.Try):
        for number, handler in enumerate(statement.handlers):
            others = [one for one in statement.handlers if one is not handler]
            new: list[ast.stmt] = [*statement.body, *statement.orelse]
            if others or statement.finalbody:
                without = copy.copy(statement)
                without.handlers = others
                if not others:
                    without.body, without.orelse = new, []
                new = [without]
            yield _Change(
                "except branch removed",
                f"except {ast.unparse(handler.type)}" if handler.type else "except",
                "",
                handler.lineno,
                statement.handlers[number],
                scope,
                replace(new),
            )


def _both_add_arguments(*statements: ast.stmt) -> bool:
    """Their order is that of the help, which promises none."""
    return all(".add_argument(" in ast.unparse(statement) for statement in statements)


def _can_be_removed(statement: ast.stmt, scope: _Scope) -> bool:
    match statement:
        case ast.Expr(value=ast.Call() | ast.YieldFrom() | ast.Yield()):
            return True
        case ast.Raise() | ast.Delete() | ast.AugAssign() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return not scope.at_import
        case ast.AnnAssign(target=ast.Attribute(), value=ast.expr()):
            return True
    return False


def _inside(statement: ast.stmt, scope: _Scope) -> Iterator[_Change]:
    """What changes within a statement, and the blocks that it has."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            for defaults in (statement.args.defaults, statement.args.kw_defaults):
                for number, default in enumerate(defaults):
                    if default is not None:
                        yield from _of_expression(default, _setter(defaults, number), statement, scope)
            yield from _of_block(statement.body, scope.function(statement.name))
        case ast.ClassDef():
            yield from _of_block(statement.body, scope.type(statement.name))
        case ast.Assert() | ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            # An assertion states an invariant, and a docstring does nothing.
            return
        case ast.If() if "TYPE_CHECKING" in ast.unparse(statement.test):
            return
        case ast.If() if "__name__" in ast.unparse(statement.test):
            yield from _of_block(statement.body, scope)
        case _:
            yield from _of_other(statement, scope)


def _of_other(statement: ast.stmt, scope: _Scope) -> Iterator[_Change]:
    if isinstance(statement, ast.If | ast.While) and isinstance(statement.test, ast.Name | ast.Attribute | ast.Call):
        yield _negated(statement, scope)
    for name, value in ast.iter_fields(statement):
        if name in ("annotation", "targets", "target", "optional_vars", "type_comment"):
            continue
        for child, put in _children(value, statement, name):
            match child:
                case ast.expr():
                    yield from _of_expression(child, put, statement, scope)
                case ast.withitem():
                    yield from _of_expression(
                        child.context_expr, _attribute_setter(child, "context_expr"), statement, scope
                    )
                case ast.ExceptHandler():
                    yield from _of_handler(child, scope)
                case ast.match_case():
                    if child.guard is not None:
                        yield from _of_expression(child.guard, _attribute_setter(child, "guard"), statement, scope)
                    yield from _of_block(child.body, scope)
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield from _of_block(value, scope)


def _of_handler(handler: ast.ExceptHandler, scope: _Scope) -> Iterator[_Change]:
    if isinstance(handler.type, ast.Tuple):
        errors = handler.type.elts
        for number, error in enumerate(errors):
            without = ast.Tuple([*errors[:number], *errors[number + 1 :]], ast.Load())
            yield _Change(
                "exception left out",
                ast.unparse(error),
                "",
                handler.lineno,
                handler,
                scope,
                lambda without=without: setattr(handler, "type", without),  # type: ignore[misc]
            )
    yield from _of_block(handler.body, scope)


def _negated(statement: ast.If | ast.While, scope: _Scope) -> _Change:
    test = statement.test
    return _Change(
        "condition",
        ast.unparse(test),
        f"not {ast.unparse(test)}",
        test.lineno,
        statement,
        scope,
        lambda: setattr(statement, "test", ast.UnaryOp(ast.Not(), test)),
    )


Put = Callable[[ast.expr], None]


def _of_expression(node: ast.expr, put: Put, statement: ast.stmt, scope: _Scope) -> Iterator[_Change]:
    def change(kind: str, new: ast.expr, after: str | None = None) -> _Change:
        shown = ast.unparse(new) if after is None else after
        return _Change(
            kind, ast.unparse(node), shown, node.lineno, statement, scope, lambda: put(ast.copy_location(new, node))
        )

    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FOR_TYPES:
        return
    match node:
        case ast.Compare():
            for number, operator in enumerate(node.ops):
                operators = [*node.ops[:number], _COMPARISONS[type(operator)](), *node.ops[number + 1 :]]
                yield change("comparison", ast.Compare(node.left, operators, node.comparators))
        case ast.BoolOp():
            other: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield change("condition", ast.BoolOp(other, node.values))
            for number in range(len(node.values)):
                rest = [*node.values[:number], *node.values[number + 1 :]]
                yield change("condition", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        case ast.UnaryOp(op=ast.Not()):
            yield change("condition", node.operand)
        case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield change("condition", ast.IfExp(node.test, node.orelse, node.body))
        case ast.Constant():
            for kind, value in _other_values(node.value):
                yield change(kind, ast.Constant(value))
        case ast.JoinedStr():
            yield from _of_text(node, statement, scope)
            return
        case ast.Call():
            yield from _arguments_swapped(node, change)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            yield from _conditions_left_out(node, statement, scope)
    for name, value in ast.iter_fields(node):
        if name == "generators":
            for generator in value:
                yield from _of_expression(generator.iter, _attribute_setter(generator, "iter"), statement, scope)
                for number, test in enumerate(generator.ifs):
                    yield from _of_expression(test, _setter(generator.ifs, number), statement, scope)
            continue
        if name == "keywords":
            for keyword in value:
                if keyword.arg == "strict":
                    # As an assertion, it states an invariant.
                    continue
                yield from _of_expression(keyword.value, _attribute_setter(keyword, "value"), statement, scope)
            continue
        for child, put_child in _children(value, node, name):
            if isinstance(child, ast.expr):
                yield from _of_expression(child, put_child, statement, scope)


def _other_values(value: object) -> list[tuple[str, bool | int | float | str]]:
    if isinstance(value, bool):
        return [("constant", not value)]
    if isinstance(value, int | float):
        return [("constant", value + 1), ("constant", value - 1)]
    return [("text", "")] if isinstance(value, str) and " " in value.strip() else []


def _of_text(node: ast.JoinedStr, statement: ast.stmt, scope: _Scope) -> Iterator[_Change]:
    """Each part of an f-string left out."""
    message = any(isinstance(part, ast.Constant) and " " in str(part.value).strip() for part in node.values)
    for number, part in enumerate(node.values):
        if message and not (isinstance(part, ast.Constant) and not str(part.value).strip(" .,:;()'\"")):
            rest = [*node.values[:number], *node.values[number + 1 :]]
            yield _Change(
                "text",
                ast.unparse(node),
                ast.unparse(ast.JoinedStr(rest)),
                node.lineno,
                statement,
                scope,
                lambda rest=rest: setattr(node, "values", rest),  # type: ignore[misc]
            )
        if isinstance(part, ast.FormattedValue):
            yield from _of_expression(part.value, _attribute_setter(part, "value"), statement, scope)


def _arguments_swapped(node: ast.Call, change: Callable[[str, ast.expr], _Change]) -> Iterator[_Change]:
    if isinstance(node.func, ast.Name) and node.func.id in _WITHOUT_ORDER:
        return
    for number, (one, next_one) in enumerate(zip(node.args, node.args[1:], strict=False)):
        if isinstance(one, ast.Starred) or isinstance(next_one, ast.Starred):
            continue
        if ast.unparse(one) == ast.unparse(next_one):
            continue
        arguments = [*node.args[:number], next_one, one, *node.args[number + 2 :]]
        yield change("arguments swapped", ast.Call(node.func, arguments, node.keywords))


def _conditions_left_out(
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, statement: ast.stmt, scope: _Scope
) -> Iterator[_Change]:
    for generator in node.generators:
        for number, test in enumerate(generator.ifs):
            rest = [*generator.ifs[:number], *generator.ifs[number + 1 :]]
            yield _Change(
                "condition",
                f"if {ast.unparse(test)}",
                "",
                test.lineno,
                statement,
                scope,
                lambda generator=generator, rest=rest: setattr(generator, "ifs", rest),  # type: ignore[misc]
            )


def _children(value: object, parent: ast.AST, name: str) -> Iterator[tuple[ast.AST, Put]]:
    if isinstance(value, ast.AST):
        yield value, _attribute_setter(parent, name)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            if isinstance(child, ast.AST) and not isinstance(child, ast.stmt):
                yield child, _setter(value, number)


def _setter(values: list[ast.expr] | list[ast.expr | None] | list[ast.AST], number: int) -> Put:
    def put(new: ast.expr) -> None:
        values[number] = new

    return put


def _attribute_setter(parent: ast.AST, name: str) -> Put:
    return lambda new: setattr(parent, name, new)


def _is_call(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.YieldFrom | ast.Yield)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 110 else f"{flat[:107]}..."
