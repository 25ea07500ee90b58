"""The JSON Schema of the file, for editors: what people may write, shorthands and references included."""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from forescale.config.settings import Config
from forescale.model.settings import format_duration

Json: TypeAlias = dict[str, Any]

REFERENCE = "Reference"
_REFERENCE: Json = {
    "type": "string",
    "pattern": r"\$\{[^{}]+\}",
    "description": "A value from elsewhere: ${NAME}, ${NAME:-fallback} or ${ssm:/path/name}.",
}
_CLOCK = re.compile(r"\d\d:\d\d:00")
_UNIONS = ("anyOf", "oneOf", "allOf")


def schema() -> Json:
    """The JSON Schema (draft 2020-12) of a configuration file."""
    found = Config.model_json_schema()
    defs: Json = found["$defs"]
    for part in (found, *defs.values()):
        for prop in _parts(part):
            _tidy(prop)
            _require_type_in_lists(prop, defs)
    _loosen(defs["Target"], defs, set())
    _add_shorthands(found, defs)
    for part in (found, *list(defs.values())):
        _admit_references(part)
    for name, part in defs.items():
        defs[name] = _or_reference(part) if "enum" in part else part
    defs[REFERENCE] = _REFERENCE
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "forescale configuration",
    }


def _parts(node: Any) -> Iterator[Json]:
    """A schema and every schema within it, not following references."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value)


def _tidy(part: Json) -> None:
    """Drop what is noise in an editor; show durations as people write them."""
    if isinstance(part.get("title"), str):
        del part["title"]
    if "patternProperties" in part:
        part.setdefault("additionalProperties", False)
    default = part.get("default")
    if isinstance(default, dict | list):
        del part["default"]
    elif is_duration(part) and isinstance(default, float):
        part["default"] = format_duration(default)
    elif isinstance(default, str) and _CLOCK.fullmatch(default):
        part["default"] = default.removesuffix(":00")


def is_duration(part: Json) -> bool:
    """The schema of a duration: a text with a unit, or 0."""
    return {"const": 0} in part.get("anyOf", ()) and any("pattern" in p for p in part["anyOf"])


def is_ratio(part: Json) -> bool:
    """The schema of a ratio: a percentage, or a number from 0 to 1."""
    return {"type": "number", "minimum": 0, "maximum": 1} in part.get("anyOf", ()) and "examples" in part


def _require_type_in_lists(part: Json, defs: Json) -> None:
    """In a list, where nothing is inherited, the `type` that tells kinds apart must be there."""
    items = part.get("items")
    if isinstance(items, dict) and "discriminator" in items:
        for kind in items.get("oneOf", ()):
            required = resolve(kind, defs).setdefault("required", [])
            if "type" not in required:
                required.append("type")


def resolve(part: Json, defs: Json) -> Json:
    """The schema itself, where this one only refers to it."""
    while "$ref" in part:
        part = defs[part["$ref"].rpartition("/")[2]]
    return part


def _loosen(part: Json, defs: Json, seen: set[int]) -> None:
    """Nothing is required where it may be inherited, and kinds may look alike then. Not in lists."""
    part = resolve(part, defs)
    if id(part) in seen:
        return
    seen.add(id(part))
    part.pop("required", None)
    if "oneOf" in part:
        part["anyOf"] = part.pop("oneOf")
        part.pop("discriminator", None)
    inner = [*part.get("properties", {}).values(), *part.get("anyOf", ()), *part.get("allOf", ())]
    if isinstance(extra := part.get("additionalProperties"), dict):
        inner.append(extra)
    for child in (*inner, *part.get("patternProperties", {}).values()):
        _loosen(child, defs, seen)


def _add_shorthands(root: Json, defs: Json) -> None:
    target = defs["Target"]
    target["properties"] = {
        "group": {
            "type": "string",
            "minLength": 1,
            "description": "The Auto Scaling Group; short for `actuator: {type: asg, group: NAME}`.",
        },
        **target["properties"],
    }
    named = {"anyOf": [{"required": ["group"]}, {"required": ["actuator"]}]}
    by_name = root["properties"]["targets"]["patternProperties"]
    for pattern, part in by_name.items():
        by_name[pattern] = {"allOf": [part, named]}
    root["properties"] = {
        "region": {
            "type": "string",
            "minLength": 1,
            "description": "The AWS region, such as `eu-west-1`; short for `aws: {region: NAME}`.",
        },
        **root["properties"],
        "defaults": {
            "$ref": "#/$defs/Target",
            "description": "What every target starts from: any key of a target, merged key by key.",
        },
    }
    root["patternProperties"] = {"^x-": {"description": "Ignored: a place for YAML anchors."}}


def _admit_references(part: Json) -> None:
    """Wherever something other than free text is expected, a reference may stand instead."""
    for child in _parts(part):
        for key in ("properties", "patternProperties"):
            for name, prop in child.get(key, {}).items() if isinstance(child.get(key), dict) else ():
                if _is_picky(prop) and isinstance(prop, dict):
                    child[key][name] = _or_reference(prop)
        for key in ("items", "additionalProperties"):
            if isinstance(child.get(key), dict) and _is_picky(child[key]):
                child[key] = _or_reference(child[key])


def _is_picky(prop: Any) -> bool:
    if not isinstance(prop, dict) or "const" in prop or "discriminator" in prop:
        return False
    alternatives = [alternative for union in _UNIONS for alternative in prop.get(union, ())]
    if {"$ref": f"#/$defs/{REFERENCE}"} in alternatives:
        return False
    if alternatives:
        return any(_is_picky(alternative) or "const" in alternative for alternative in alternatives)
    return prop.get("type") in ("integer", "number", "boolean") or bool(
        {"pattern", "enum", "format"} & prop.keys()
    )


def _or_reference(prop: Json) -> Json:
    outer: Json = {key: prop.pop(key) for key in ("description", "default", "examples") if key in prop}
    inner = prop["anyOf"] if set(prop) == {"anyOf"} else [prop]
    return {"anyOf": [*inner, {"$ref": f"#/$defs/{REFERENCE}"}], **outer}
