"""Runs the AWS CLI commands that a fix prints, as the calls that the CLI would make, against the emulator."""

import json
import shlex
from itertools import groupby
from typing import Any

from botocore import xform_name

from support.emulator import Emulator


def commands_in(fix: str) -> list[list[str]]:
    """Return the words of each command of a fix; text before the first command is for the reader."""
    at = fix.find("aws ")
    words = shlex.split(fix[at:]) if at >= 0 else []
    return [list(group) for is_and, group in groupby(words, key=lambda word: word == "&&") if not is_and]


def run(emulator: Emulator, words: list[str]) -> Any:
    """Run one command; an option or a value that the CLI would refuse is an error."""
    program, service, operation, *rest = words
    assert program == "aws"
    client = emulator.client(service)
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {"--" + xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    options: dict[str, list[str]] = {}
    for word in rest:
        if word in members:
            assert word not in options, word
            latest = options[word] = []
        else:
            latest.append(word)
    request = {members[option][0]: _value(members[option][1], values) for option, values in options.items()}
    return getattr(client, method)(**request)


def _value(shape: Any, values: list[str]) -> Any:
    """Return the value of an option: JSON, several texts, or the shorthand `name=value,name=value`."""
    if values[0][:1] in ("{", "[") and shape.type_name != "string":
        (text,) = values
        return json.loads(text)
    if shape.type_name == "list":
        return values
    (text,) = values
    if shape.type_name == "map":
        return dict(pair.split("=", 1) for pair in text.split(","))
    return int(text) if shape.type_name in ("integer", "long") else text
