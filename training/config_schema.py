"""What a config may say: config/schema.json, which `mv2id train submit` reads too, with messages in the same words."""

import copy
import json
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parent / "config/schema.json").read_text())


def checked(config, name="the config"):
    """config with defaults filled in. Raises ValueError: one sentence a wrong field, "<field> must be <rule>, got <value>."."""
    errors = [message for error in Draft202012Validator(SCHEMA).iter_errors(config) for message in sentences(error, name)]
    if errors:
        raise ValueError(" ".join(errors))
    config = copy.deepcopy(config)
    fill_defaults(config, SCHEMA)
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
