"""What a config may say, with messages in the same words everywhere.

config/schema.json, which `mv2id train submit` reads too; config/fine-tune.schema.json where the config names a `base`.
"""

import copy
import json
from pathlib import Path

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent / "config"


def resolved(part):
    """The schema with every `$ref` ("schema.json#/properties/seed") replaced by what it points to."""
    if isinstance(part, list):
        return [resolved(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        target = SCHEMA
        for key in part["$ref"].removeprefix("schema.json#/").split("/"):
            target = target[key]
        return target
    return {key: resolved(value) for key, value in part.items()}


SCHEMA = json.loads((FOLDER / "schema.json").read_text())
FINE_TUNE_SCHEMA = resolved(json.loads((FOLDER / "fine-tune.schema.json").read_text()))


def checked(config, name="the config"):
    """config with defaults filled in. Raises ValueError: one sentence a wrong field, "<field> must be <rule>, got <value>."."""
    schema = FINE_TUNE_SCHEMA if isinstance(config, dict) and "base" in config else SCHEMA
    errors = [message for error in Draft202012Validator(schema).iter_errors(config) for message in sentences(error, name)]
    if errors:
        raise ValueError(" ".join(errors))
    config = copy.deepcopy(config)
    fill_defaults(config, schema)
    return config


def sentences(error, name):
    path = field(error.absolute_path)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [f"{joined(path, key)} must be {rule(error.schema['properties'][key])}, got nothing." for key in missing][:1]
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        owner = path or name
        return [
            f"{joined(path, key)} must be absent ({owner} takes {', '.join(known)}), got {shown(value)}."
            for key, value in error.instance.items()
            if key not in known
        ]
    return [f"{path or name} must be {rule(error.schema)}, got {shown(error.instance)}."]


def rule(schema):
    if "enum" in schema:
        return ("one of " if len(schema["enum"]) > 1 else "") + ", ".join(map(json.dumps, schema["enum"]))
    return schema.get("rule", "an object")


def field(path):
    text = ""
    for part in path:
        text = f"{text}[{part}]" if isinstance(part, int) else joined(text, part)
    return text


def joined(path, key):
    return f"{path}.{key}" if path else key


def shown(value):
    if isinstance(value, list) and value:
        return f"a list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def fill_defaults(config, schema):
    for key, part in schema.get("properties", {}).items():
        if key in config and "properties" in part:
            fill_defaults(config[key], part)
        elif "default" in part:
            config.setdefault(key, part["default"])
