"""From a file, the environment and SSM to a valid configuration, or to everything that is wrong."""

import os
import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from forescale.actuators import AnyActuator
from forescale.config.assign import Overrides, assign
from forescale.config.environment import Environment, override
from forescale.config.expand import drop_free_keys, expand_file, expand_targets, name_kinds
from forescale.config.guide import guide
from forescale.config.interpolate import ParameterReader, fill_parameters, fill_variables
from forescale.config.parameters import ParameterStore
from forescale.config.parse import parse, read
from forescale.config.problems import InvalidConfig, Problem
from forescale.config.settings import MODELS, Config, StoreUrl, Training
from forescale.config.tree import Node
from forescale.config.validate import validate

_ACTUATOR: TypeAdapter[AnyActuator] = TypeAdapter(AnyActuator)


class Loaded(NamedTuple):
    """A configuration, and the tree it was made from."""

    config: Config
    tree: Node


def load(
    path: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    ssm: ParameterReader | None = None,
    overrides: Overrides | None = None,
) -> Config:
    """The configuration in a YAML file.

    Args:
        path: the file. `.env` beside it is read too.
        env: environment variables, which go before those of `.env`; the process's where left out.
        ssm: reads SSM parameters, up to ten a call; AWS itself where left out, asked only if
            the file refers to SSM.
        overrides: settings of a target that go before those of the file.

    Raises `InvalidConfig` with every problem found, or `ConfigError` where the file is no text.
    """
    return load_tree(path, env, ssm, overrides).config


def load_tree(
    path: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    ssm: ParameterReader | None = None,
    overrides: Overrides | None = None,
) -> Loaded:
    """As `load`, with the tree: it knows where each value was written, and what came from outside."""
    file = FilePath(path)
    document = read(file)
    environment = Environment(os.environ if env is None else env, file.parent / ".env")
    root = parse(document)
    drop_free_keys(root)
    problems = environment.problems + fill_variables(root, environment) + guide().misspelt(root)
    problems += expand_file(root) + override(root, environment)
    problems += _fill_parameters(root, environment, ssm)
    problems += expand_targets(root)
    if overrides is not None:
        problems += assign(root, overrides, environment) + guide().misspelt(root)
        name_kinds(root)
    problems += _shared_groups(root, environment)
    config, found = validate(root, guide())
    if problems or found or config is None:
        raise InvalidConfig(problems + found, hint="settings and their forms: docs/configuration.md")
    anchored = {
        "store": _anchored(config.store, file.parent),
        "training": _anchored_models(config, file.parent),
    }
    return Loaded(config.model_copy(update=anchored), root)


def _fill_parameters(root: Node, env: Mapping[str, str], reader: ParameterReader | None) -> list[Problem]:
    if reader is not None:
        return fill_parameters(root, env, reader)
    store = ParameterStore(root)
    try:
        return fill_parameters(root, env, store)
    finally:
        store.close()


def _shared_groups(root: Node, env: Mapping[str, str]) -> list[Problem]:
    """Two targets that own the same thing would undo each other's work."""
    aws, targets = root.children.get("aws"), root.children.get("targets")
    region = aws.children["region"].value if aws and "region" in aws.children else None
    region = region or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    owners: dict[tuple[str, ...], tuple[str, Node]] = {}
    problems = []
    for name, target in targets.children.items() if targets else ():
        actuator = target.children.get("actuator")
        try:
            settings = _ACTUATOR.validate_python(actuator.data() if actuator else None)
        except ValidationError:
            continue  # reported with everything else that does not fit
        place = actuator.children.get("group", actuator) if actuator else target
        first, other = owners.setdefault(settings.owns(str(region)), (name, place))
        if first != name:
            problems.append(_shared(first, other, place))
    return problems


def _shared(first: str, other: Node, place: Node) -> Problem:
    return place.problem(
        f"{place.shown()} is already scaled by target {first!r} ({other.problem('').where}); two owners undo "
        "each other's work",
        expected="one target per group; several policies in it if need be",
    )


def _anchored(store: StoreUrl, directory: FilePath) -> StoreUrl:
    """A relative SQLite path starts at the configuration's directory, wherever a command is run."""
    match = re.fullmatch(r"(sqlite(?:\+\w+)?:///)?([^:?]+)(\?.*)?", store.get_secret_value())
    if not match or match[2].startswith("~") or FilePath(match[2]).is_absolute():
        return store
    return StoreUrl(f"{match[1] or 'sqlite:///'}{directory.resolve() / match[2]}{match[3] or ''}")


def _anchored_models(config: Config, directory: FilePath) -> Training:
    """A relative directory of models starts at the configuration's, too."""
    given = config.training.models_dir
    if given is None and "://" in (url := config.store.get_secret_value()) and not url.startswith("sqlite"):
        given = MODELS
    if given is None or given.startswith("~"):
        return config.training
    return config.training.model_copy(update={"models_dir": str(directory.resolve() / given)})
