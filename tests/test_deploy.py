"""The CloudFormation templates are clean, and say what the app asks for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from bwp_client.doctor.archive import RETENTION_SECONDS, VISIBILITY_SECONDS
from bwp_client.sources.pattern import pattern_problem

AWS = Path(__file__).parents[1] / "deploy" / "aws"
TEMPLATES = sorted(AWS.glob("*.yaml"))


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what they hold."""


def _short_form(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


Loader.add_multi_constructor("!", _short_form)


def resources(name: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.load((AWS / name).read_text(), Loader)["Resources"]
    return {key: value["Properties"] for key, value in made.items()}


def test_the_templates_are_clean_under_cfn_lint() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--non-zero-exit-code", "informational", *TEMPLATES],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_both_roads_have_a_template() -> None:
    assert [path.name for path in TEMPLATES] == ["archive-reader.yaml", "events-to-s3.yaml"]


def test_the_reader_rule_takes_replays_only_and_the_queue_satisfies_the_doctor() -> None:
    import json

    made = resources("archive-reader.yaml")
    pattern = made["Rule"]["EventPattern"]
    pattern["source"] = [{"prefix": "aws.partner/buywithprime"}]
    assert pattern_problem(json.dumps(pattern), bus="aws.partner/buywithprime/acme") is None
    assert int(made["Queue"]["VisibilityTimeout"]) >= VISIBILITY_SECONDS
    assert int(made["Queue"]["MessageRetentionPeriod"]) >= RETENTION_SECONDS
    assert made["Queue"]["RedrivePolicy"]
    (target,) = made["Rule"]["Targets"]
    assert target["DeadLetterConfig"]


def test_the_reader_role_is_granted_what_the_doctor_tries_and_nothing_else() -> None:
    made = resources("archive-reader.yaml")
    statements = made["Reader"]["Policies"][0]["PolicyDocument"]["Statement"]
    granted = {action for one in statements for action in _listed(one["Action"])}
    assert granted == {
        "events:StartReplay", "events:DescribeReplay", "events:CancelReplay", "events:DescribeArchive",
        "events:DescribeRule", "events:ListTargetsByRule", "sqs:ReceiveMessage", "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes",
    }  # fmt: skip
    docs = (AWS.parents[1] / "docs" / "archive.md").read_text()
    assert all(f"`{action}`" in docs for action in granted)


def test_the_road_to_s3_is_for_live_events_only() -> None:
    rule = resources("events-to-s3.yaml")["Rule"]
    assert rule["EventPattern"]["replay-name"] == [{"exists": False}]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
