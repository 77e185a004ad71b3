import json

import pytest

from training.config_schema import checked
from training.tests.toy import SHIPPED


def shipped():
    return json.loads(SHIPPED.read_text())


def test_the_shipped_config_is_legal_and_gets_its_defaults():
    training = checked(shipped())["training"]
    assert (training["mixed_precision"], training["sharding"], training["log_every_steps"]) == ("bf16", "none", 50)


@pytest.mark.parametrize(
    "section, key, value, message",
    [
        ("training", "batch_size", 0, "training.batch_size must be a whole number of at least 1, got 0."),
        ("training", "batch_sise", 8, "training.batch_sise must be absent (training takes steps, "),
        ("training", "num_references", [1, "2"], 'training.num_references[1] must be a whole number of at least 1, got "2".'),
        ("training", "sharding", "zero3", 'training.sharding must be one of "none", "full", got "zero3".'),
        ("reference_conditioning", "offset", -1, "reference_conditioning.offset must be a whole number of at least 0, got -1."),
        ("region_masking", "enabled", "yes", 'region_masking.enabled must be true or false, got "yes".'),
    ],
)
def test_an_illegal_config_names_its_field(section, key, value, message):
    config = shipped()
    config[section][key] = value
    with pytest.raises(ValueError) as raised:
        checked(config)
    assert message in str(raised.value)


def test_every_wrong_field_is_told_at_once():
    config = shipped()
    del config["training"]["steps"], config["data"]["size"]
    config["seed"] = None
    with pytest.raises(ValueError) as raised:
        checked(config)
    for field in ("training.steps", "data.size", "seed"):
        assert f"{field} must be " in str(raised.value)
    assert "training.steps must be a whole number of at least 1, got nothing." in str(raised.value)
