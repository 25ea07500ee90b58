"""References in values: `${NAME}`, `${NAME:-fallback}`, `${ssm:/path/name}`, and `$$` for a dollar sign."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from forescale.config.parse import scalar
from forescale.config.problems import Problem
from forescale.config.tree import Broken, Node
from forescale.model.errors import ForescaleError

ParameterReader = Callable[[Sequence[str]], Mapping[str, str]]
"""Reads up to ten SSM parameters, decrypted; leaves out those that do not exist."""

BATCH = 10  # names in one ssm:GetParameters, its documented limit

_PART = re.compile(r"\$\$|\$\{(?P<body>[^{}\n]*)\}|\$\{")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"ssm:(?P<name>[\w./:-]+)")


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${...}`: the name, whether SSM holds it, and what to use where there is no value."""

    name: str
    is_parameter: bool
    fallback: str | None


def fill_variables(root: Node, env: Mapping[str, str]) -> list[Problem]:
    """Put in environment variables; values that also need SSM wait for `fill_parameters`."""
    problems: list[Problem] = []
    for node in _referring(root):
        parts = _parts(node.written)
        if isinstance(parts, str):
            node.value = Broken.BROKEN
            problems.append(node.problem(parts, expected="${NAME}, ${NAME:-fallback} or ${ssm:/path/name}"))
        elif not any(isinstance(part, Reference) and part.is_parameter for part in parts):
            problems += _fill(node, parts, env, {})
    return problems


def fill_parameters(root: Node, env: Mapping[str, str], reader: ParameterReader) -> list[Problem]:
    """Put in SSM parameters, read in batches; each that cannot be had is a problem at its line."""
    waiting = [
        (node, parts)
        for node in _referring(root)
        if not isinstance(parts := _parts(node.written), str)
        and any(isinstance(part, Reference) and part.is_parameter for part in parts)
    ]
    names = sorted(
        {p.name for _, parts in waiting for p in parts if isinstance(p, Reference) and p.is_parameter}
    )
    found, failed = _read(names, reader)
    problems: list[Problem] = []
    for node, parts in waiting:
        why = next((failed[p.name] for p in parts if isinstance(p, Reference) and p.name in failed), None)
        if why is None:
            problems += _fill(node, parts, env, found)
        else:
            node.value = Broken.BROKEN
            problems.append(node.problem(why))
    return problems


def _referring(root: Node) -> Iterable[Node]:
    return (node for node in root.scalars() if node.written and node.value is not Broken.BROKEN)


def _parts(text: str) -> list[str | Reference] | str:
    """Text and references in turn; or what is wrong with the references."""
    parts: list[str | Reference] = []
    end = 0
    for match in _PART.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        if match[0] == "$$":
            parts.append("$")
            continue
        if match["body"] is None:
            return "a reference begins with ${ and does not end"
        name, has_fallback, fallback = match["body"].partition(":-")
        parameter = _PARAMETER.fullmatch(name)
        if not parameter and not _VARIABLE.fullmatch(name):
            return f"{match[0]} is not a reference"
        parts.append(
            Reference(
                parameter["name"] if parameter else name, bool(parameter), fallback if has_fallback else None
            )
        )
    return [*parts, text[end:]]


def _fill(
    node: Node, parts: list[str | Reference], env: Mapping[str, str], parameters: Mapping[str, str]
) -> list[Problem]:
    text: list[str] = []
    secrets: list[str] = []
    for part in parts:
        if isinstance(part, str):
            text.append(part)
            continue
        value = (parameters if part.is_parameter else env).get(part.name)
        if not value and part.fallback is not None:
            text.append(part.fallback)
        elif value is None:
            node.value = Broken.BROKEN
            return [node.problem(_absent(part, env))]
        else:
            text.append(value)
            secrets.append(value)
    node.secrets = tuple(secrets)
    try:
        node.value = scalar("".join(text)) if node.plain else "".join(text)
    except ValueError as error:
        node.value = Broken.BROKEN
        return [node.problem(str(error))]
    return []


def _absent(reference: Reference, env: Mapping[str, str]) -> str:
    if reference.is_parameter:
        return f"SSM has no parameter {reference.name} in this region and account"
    from difflib import get_close_matches

    close = get_close_matches(reference.name, env, n=1, cutoff=0.8)
    guess = f"; did you mean {close[0]}?" if close else ""
    return f"the environment variable {reference.name} is not set{guess}"


def _read(names: list[str], reader: ParameterReader) -> tuple[dict[str, str], dict[str, str]]:
    """The values found, and why others could not be read."""
    found: dict[str, str] = {}
    failed: dict[str, str] = {}
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        try:
            found.update(reader(batch))
        except ForescaleError as error:
            failed.update(dict.fromkeys(batch, f"SSM cannot be read: {error.message}"))
    return found, failed
