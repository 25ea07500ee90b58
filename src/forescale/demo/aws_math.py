"""The part of CloudWatch's metric math that the local AWS understands."""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping

from forescale.demo.aws_wire import AwsError

Series = dict[float, float]
"""Value by the start of its bucket."""
Value = float | Series | list[Series]

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OVER_ARRAY: dict[str, Callable[[list[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values),
    "SUM": sum,
    "MIN": min,
    "MAX": max,
}
_PER_VALUE: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}


def evaluate(expression: str, metrics: Mapping[str, Series], period: int, times: Iterable[float]) -> Series:
    """The series that an expression makes of others.

    Knows + - * / ^, comparisons, ABS, CEIL, FLOOR, AVG, SUM, MIN, MAX, FILL, IF and PERIOD; a
    bucket that lacks a value on either side has none. Raises a ValidationError for the rest.
    """
    try:
        tree = ast.parse(expression.replace("^", "**").replace("<>", "!="), mode="eval")
        value = _Evaluation(metrics, period, list(times)).of(tree.body)
    except SyntaxError as error:
        raise _invalid(f"Error in expression {expression!r}: {error.msg}") from error
    if isinstance(value, list):
        raise _invalid(f"Error in expression {expression!r}: it gives an array of series")
    return value if isinstance(value, dict) else dict.fromkeys(times, value)


class _Evaluation:
    def __init__(self, metrics: Mapping[str, Series], period: int, times: list[float]) -> None:
        self._metrics, self._period, self._times = metrics, period, times

    def of(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in self._metrics:
                return self._metrics[name]
            case ast.List(elts=items):
                return [self._series(item) for item in items]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _pairwise(operator.mul, -1.0, self._single(operand))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _divide(self._single(left), self._single(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _pairwise(_OPERATORS[type(op)], self._single(left), self._single(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                return _pairwise(_OPERATORS[type(op)], self._single(left), self._single(right))
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
            case _:
                raise _invalid(f"Error in expression: cannot read {ast.unparse(node)!r}")

    def _call(self, name: str, args: list[ast.expr]) -> Value:
        if name in _OVER_ARRAY and len(args) == 1:
            return _over(_OVER_ARRAY[name], self.of(args[0]))
        if name in _PER_VALUE and len(args) == 1:
            return {t: float(_PER_VALUE[name](v)) for t, v in self._series(args[0]).items()}
        if name == "PERIOD":
            return float(self._period)
        if name == "FILL" and len(args) == 2:
            return self._fill(self._series(args[0]), args[1])
        if name == "IF" and len(args) == 3:
            condition = self._series(args[0])
            yes, no = self._series(args[1]), self._series(args[2])
            chosen = {t: (yes if c else no).get(t) for t, c in condition.items()}
            return {t: v for t, v in chosen.items() if v is not None}
        raise _invalid(f"The function {name} with {len(args)} arguments is not known here")

    def _fill(self, series: Series, filler: ast.expr) -> Series:
        if isinstance(filler, ast.Name) and filler.id == "REPEAT":
            filled, last = {}, None
            for time in self._times:
                last = series.get(time, last)
                if last is not None:
                    filled[time] = last
            return filled
        return dict.fromkeys(self._times, 0.0) | self._series(filler) | series

    def _single(self, node: ast.expr) -> float | Series:
        value = self.of(node)
        if isinstance(value, list):
            raise _invalid("Error in expression: an array where one series is needed")
        return value

    def _series(self, node: ast.expr) -> Series:
        value = self._single(node)
        return value if isinstance(value, dict) else dict.fromkeys(self._times, value)


def _pairwise(
    combine: Callable[[float, float], float], a: float | Series, b: float | Series
) -> float | Series:
    if isinstance(a, dict) and isinstance(b, dict):
        return {t: float(combine(a[t], b[t])) for t in a if t in b}
    if isinstance(a, dict):
        return {t: float(combine(v, b)) for t, v in a.items()}  # type: ignore[arg-type]
    if isinstance(b, dict):
        return {t: float(combine(a, v)) for t, v in b.items()}
    return float(combine(a, b))


def _divide(a: float | Series, b: float | Series) -> float | Series:
    """Division; a bucket divided by zero has no value."""
    if isinstance(b, dict):
        b = {t: v for t, v in b.items() if v}
    elif not b:
        return {}
    return _pairwise(operator.truediv, a, b)


def _over(combine: Callable[[list[float]], float], value: Value) -> Value:
    """An aggregate of an array is a series, one of a series is a number."""
    if isinstance(value, list):
        times = sorted({t for series in value for t in series})
        return {t: float(combine([s[t] for s in value if t in s])) for t in times}
    if isinstance(value, dict):
        return float(combine(list(value.values()))) if value else {}
    return value


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
