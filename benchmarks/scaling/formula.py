"""The arithmetic of a scalingModifiers formula: sums, products, comparisons, ?? and ?:."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_DEFAULT = re.compile(r"\((\w+) \?\? (\d+)\)")
_CHOICE = re.compile(r"\(([^()?]+|\([^()]*\)[^()?]*) \? ([^():]+) : ([^()]+)\)")


def evaluate(formula: str, triggers: Mapping[str, float | None]) -> float:
    """The metric; a trigger without a figure is None. Raises ValueError where that matters."""
    values = dict(triggers)
    for name, default in _DEFAULT.findall(formula):
        values[name] = float(default) if values[name] is None else values[name]
    text = _CHOICE.sub(r"((\2) if (\1) else (\3))", _DEFAULT.sub(r"\1", formula))
    return float(_value(ast.parse(text, mode="eval").body, values))


def _value(node: ast.expr, values: Mapping[str, float | None]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            value = values[name]
            if value is None:
                raise ValueError(f"trigger {name} has no figure")
            return value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return float(_BINARY[type(op)](_value(left, values), _value(right, values)))
        case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
            return float(_value(left, values) > _value(right, values))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, values) else orelse, values)
    raise ValueError(f"{ast.unparse(node)} is more than this reads")
