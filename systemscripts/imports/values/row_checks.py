"""Check equations over the columns of a row, such as `total_cost = price * quantity`, in decimal arithmetic."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, DecimalException

# More digits belong to no amount or count, and the time to multiply them grows faster than their number.
MAX_NUMBER_LETTERS = 1000
_OPERATORS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Equation:
    """Both sides of an equation, and how far apart they may be."""

    text: str
    left: ast.expr
    right: ast.expr
    tolerance: Decimal
    names: tuple[str, ...]

    def find_fault(self, values: dict[str, str]) -> str:
        """Return why a row does not satisfy the equation, or ""; a row that lacks one of the values is not checked."""
        if not all(values.values()):
            return ""
        if any(len(value) > MAX_NUMBER_LETTERS for value in values.values()):
            return f"{self.text} is not computed with more than {MAX_NUMBER_LETTERS:,} digits"
        try:
            numbers = {name: Decimal(value) for name, value in values.items()}
            left, right = _evaluate(self.left, numbers), _evaluate(self.right, numbers)
        except (DecimalException, ZeroDivisionError):
            return f"{self.text} cannot be computed"
        if abs(left - right) <= self.tolerance:
            return ""
        return f"{self.text} does not hold: {left} is not {right}"


def parse_equation(text: str, tolerance: float) -> Equation:
    """Parse an equation of column names, numbers, + - * / and parentheses; raise ValueError with what is wrong."""
    left, sign, right = text.partition("=")
    if not sign:
        raise ValueError(f"expected an equation such as total = price * quantity, not {text!r}")
    try:
        sides = [ast.parse(side.strip(), mode="eval").body for side in (left, right)]
    except SyntaxError as error:
        raise ValueError(f"{text!r} is not an equation: {error.msg}") from error
    names: list[str] = []
    for side in sides:
        for node in ast.walk(side):
            _check_allowed(node, text)
            if isinstance(node, ast.Name) and node.id not in names:
                names.append(node.id)
    return Equation(text, sides[0], sides[1], Decimal(str(tolerance)), tuple(names))


def _check_allowed(node: ast.AST, text: str) -> None:
    allowed = (ast.BinOp, ast.UnaryOp, ast.USub, ast.Name, ast.Constant, ast.Load, *_OPERATORS)
    number = not isinstance(node, ast.Constant) or (
        isinstance(node.value, int | float) and not isinstance(node.value, bool)
    )
    if not isinstance(node, allowed) or not number:
        raise ValueError(f"{text!r}: only columns, numbers, + - * / and parentheses are allowed")


def _evaluate(node: ast.expr, numbers: dict[str, Decimal]) -> Decimal:
    if isinstance(node, ast.Name):
        return numbers[node.id]
    if isinstance(node, ast.Constant):
        return Decimal(str(node.value))
    if isinstance(node, ast.UnaryOp):
        return -_evaluate(node.operand, numbers)
    assert isinstance(node, ast.BinOp)
    return _OPERATORS[type(node.op)](_evaluate(node.left, numbers), _evaluate(node.right, numbers))
