"""The reference part of docs/configuration.md, from the models themselves.

    python -m forescale.config.reference docs/configuration.md

rewrites everything below the marker; what stands above it is written by hand.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from forescale.config.guide import DURATION, RATIO, Guide, listed
from forescale.config.json_schema import Json
from forescale.config.settings import Config, Target

MARKER = "<!-- Below: python -m forescale.config.reference docs/configuration.md -->"


class Section(NamedTuple):
    """A model, and where in the file it is found."""

    title: str
    model: type[BaseModel]


def sections() -> list[Section]:
    """Every model that can be written, each once, from the top of the file down."""
    found: dict[type[BaseModel], str] = {}
    _collect(Config, "", found)
    return [Section(title or "The file", model) for model, title in found.items()]


def undescribed() -> list[str]:
    """Keys that say nothing about themselves: neither a docstring below the field nor one of its model."""
    return [
        f"{model.__name__}.{name}"
        for _, model in sections()
        for name, field in model.model_fields.items()
        if name != "type" and not meaning(field)
    ]


def meaning(field: FieldInfo) -> str:
    """What a field is for: its own docstring, or that of the model it holds."""
    models = list(_models(field.annotation))
    inherited = (models[0].__doc__ or "") if len(models) == 1 else ""
    return " ".join((field.description or inherited).split())


def reference() -> str:
    """The reference as Markdown: a table for each model."""
    guide = Guide()
    titles = {model: title for title, model in sections()}
    return "\n".join(line for model in titles for line in _section(model, guide, titles))


def document(text: str) -> str:
    """The document with its reference part as it should be."""
    prose, found, _ = text.partition(MARKER)
    if not found:
        raise ValueError(f"the document has no line {MARKER!r}")
    return f"{prose}{MARKER}\n\n{reference()}"


def _collect(model: type[BaseModel], path: str, found: dict[type[BaseModel], str]) -> None:
    if model in found:
        return
    found[model] = path
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = list(_models(field.annotation))
        for part in inner:
            kind = part.model_fields.get("type")
            here = f"{path}.{key}" if path and model is not Target else key
            title = f"{here}, type {kind.default}" if kind else here
            _collect(part, "a target" if part is Target else title, found)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models an annotation names, through unions, lists and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not None:
        for part in get_args(annotation):
            yield from _models(part)


def _section(model: type[BaseModel], guide: Guide, titles: Mapping[type[BaseModel], str]) -> Iterator[str]:
    yield from (f"### {titles[model]}", "", " ".join((model.__doc__ or "").split()), "")
    yield from ("| key | value | default | meaning |", "|---|---|---|---|")
    schema = guide.model(model)
    for name, part in _shorthands(model, guide):
        yield _row(name, _brief(guide.describe(guide.branches(part))), "", str(part["description"]))
    for name, field in model.model_fields.items():
        key = field.alias or name
        shape: Json = schema["properties"].get(key, {})
        links = [f"[{titles[inner]}](#{_anchor(titles[inner])})" for inner in _models(field.annotation)]
        value = listed(list(dict.fromkeys(links))) or _brief(guide.describe(guide.branches(shape)))
        required = field.is_required() or key in schema.get("required", ())
        text = meaning(field) or "Which kind this is."
        yield _row(key, value, "required" if required else _default(shape), text)
    yield ""


def _brief(value: str) -> str:
    return value.replace(DURATION, "duration").replace(RATIO, "ratio")


def _shorthands(model: type[BaseModel], guide: Guide) -> Iterator[tuple[str, Json]]:
    """Keys of the file that are no fields: shorthands and `defaults`."""
    fields = {field.alias or name for name, field in model.model_fields.items()}
    for key, part in guide.model(model)["properties"].items():
        if key not in fields:
            yield key, part


def _default(shape: Json) -> str:
    default = shape.get("default")
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "" if default is None or default == "" else f"`{default}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join([f"`{cells[0]}`", *(cell.replace("|", "\\|") for cell in cells[1:])]) + " |"


def _anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(document(file.read_text(encoding="utf-8")), encoding="utf-8")
