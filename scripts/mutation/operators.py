"""Small faults that can be put into a module, each a change of one node of its syntax tree.

The operators are those of mutmut and cosmic-ray (relational, arithmetic and logical operators
replaced, conditions turned, constants moved, results and statements lost), but for strings: most
of ours are messages, and a fault in one tells of its wording alone.
"""

from __future__ import annotations

import ast
import copy
from typing import Callable, Dict, Iterator, List, NamedTuple, Type

COMPARED: Dict[Type[ast.cmpop], Type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COMPUTED: Dict[Type[ast.operator], Type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "zeros": "ones",
    "ones": "zeros",
}
MESSAGES = ("Error", "Warning", "Remedy")


class Site(NamedTuple):
    """A node that may get a fault.

    Attributes:
        node: The node.
        first: The first line of the statement that it is in.
        last: The last one; of an ``if``, a loop or a ``def``, of its head alone.
        outside: Whether an import alone runs it, which is before any test.
    """

    node: ast.AST
    first: int
    last: int
    outside: bool


Change = Callable[[ast.AST], ast.AST]


class Mutant(NamedTuple):
    """A fault: a change of one node of a module."""

    module: str
    tree: ast.Module
    site: Site
    change: Change

    @property
    def changed(self) -> ast.AST:
        """The node as the fault has it."""
        return ast.fix_missing_locations(self.change(copy.deepcopy(self.site.node)))

    @property
    def label(self) -> str:
        """Place and change, in a line."""
        old, new = (shortened(ast.unparse(node)) for node in (self.site.node, self.changed))
        return (
            f"{self.module}:{getattr(self.site.node, 'lineno', self.site.first)}: {old}  ->  {new}"
        )

    @property
    def source(self) -> str:
        """The whole module with the fault."""
        node, changed = self.site.node, self.changed

        class Replace(ast.NodeTransformer):
            def visit(self, visited: ast.AST) -> ast.AST:
                return changed if visited is node else self.generic_visit(visited)

        # The copy holds the very node, so that it is found; the tree stays as it is.
        return ast.unparse(Replace().visit(copy.deepcopy(self.tree, {id(node): node})))


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else f"{line[:67]}..."


def find_mutants(module: str, source: str) -> List[Mutant]:
    """Every fault that the operators make of a module, in the order of its text."""
    tree = ast.parse(source)
    return [
        Mutant(module, tree, site, change) for site in sites(tree) for change in changes(site.node)
    ]


def sites(tree: ast.Module) -> Iterator[Site]:
    """The nodes of a module that faults may be put into."""

    def walk(node: ast.AST, first: int, last: int, outside: bool) -> Iterator[Site]:
        if isinstance(node, ast.stmt):
            first, last = node.lineno, head_end(node)
        if is_left_alone(node):
            return
        yield Site(node, first, last, outside)
        within = isinstance(node, (ast.FunctionDef, ast.Lambda))
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    inner = outside and not (within and name == "body")
                    yield from walk(child, first, last, inner)

    for statement in tree.body:
        yield from walk(statement, 0, 0, True)


def head_end(statement: ast.stmt) -> int:
    body = getattr(statement, "body", None)
    if body and isinstance(body, list):
        return max(statement.lineno, body[0].lineno - 1)
    return statement.end_lineno or statement.lineno


def is_left_alone(node: ast.AST) -> bool:
    """Whether nothing in a node is worth a fault: imports, messages, what only types are for."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Raise, ast.Assert)):
        return True
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    if isinstance(node, ast.Assign):
        names = [ast.unparse(target) for target in node.targets]
        return "__all__" in names or any(name.startswith("__") for name in names)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called.endswith(MESSAGES) or called == "cast"


def changes(node: ast.AST) -> Iterator[Change]:
    """The faults that one node may get; each takes a copy of the node and returns another."""
    maker = MAKERS.get(type(node))
    return maker(node) if maker else iter(())


def of_a_comparison(node: ast.Compare) -> Iterator[Change]:
    for number, operator in enumerate(node.ops):
        other = COMPARED[type(operator)]()
        yield lambda one, n=number, o=other: put_field(
            one, "ops", [o if n == at else old for at, old in enumerate(one.ops)]
        )


def of_an_operation(node: ast.BinOp) -> Iterator[Change]:
    if type(node.op) in COMPUTED and not is_text(node):
        yield lambda one: put_field(one, "op", COMPUTED[type(one.op)]())


def of_a_junction(node: ast.BoolOp) -> Iterator[Change]:
    other = ast.Or if isinstance(node.op, ast.And) else ast.And
    yield lambda one: put_field(one, "op", other())


def of_a_sign(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield lambda one: one.operand


def of_a_condition(node: ast.If) -> Iterator[Change]:
    yield lambda one: put_field(one, "test", negated(one.test))


def of_a_comprehension(node: ast.comprehension) -> Iterator[Change]:
    if node.ifs:
        yield lambda one: put_field(one, "ifs", [])


def of_a_return(node: ast.Return) -> Iterator[Change]:
    if node.value and ast.unparse(node.value) != "None":
        yield lambda one: put_field(one, "value", ast.Constant(None))


def of_a_statement(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call):
        yield lambda one: ast.Pass()


def of_a_constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield lambda one: ast.Constant(not one.value)
    elif isinstance(node.value, int):
        yield lambda one: ast.Constant(one.value + 1)
    elif isinstance(node.value, float):
        yield lambda one: ast.Constant(one.value * 2 or 1.0)


def of_a_call(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Name) and node.func.id in NAMES:
        yield lambda one: put_field(one, "func", ast.Name(NAMES[one.func.id], ast.Load()))
    elif isinstance(node.func, ast.Attribute) and node.func.attr in NAMES:
        yield lambda one: (setattr(one.func, "attr", NAMES[one.func.attr]), one)[1]


def is_text(node: ast.BinOp) -> bool:
    """Whether strings are put together, or types joined, where a fault would be a crash."""
    parts = list(ast.walk(node))
    return any(
        isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Constant) and isinstance(part.value, (str, bytes)))
        for part in parts
    )


def negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def put_field(node: ast.AST, name: str, value: object) -> ast.AST:
    setattr(node, name, value)
    return node


MAKERS: Dict[type, Callable[..., Iterator[Change]]] = {
    ast.Compare: of_a_comparison,
    ast.BinOp: of_an_operation,
    ast.AugAssign: of_an_operation,
    ast.BoolOp: of_a_junction,
    ast.UnaryOp: of_a_sign,
    ast.Constant: of_a_constant,
    ast.Call: of_a_call,
    ast.If: of_a_condition,
    ast.While: of_a_condition,
    ast.IfExp: of_a_condition,
    ast.comprehension: of_a_comprehension,
    ast.Return: of_a_return,
    ast.Expr: of_a_statement,
    ast.Continue: lambda node: iter([lambda one: ast.Break()]),
    ast.Break: lambda node: iter([lambda one: ast.Continue()]),
}
