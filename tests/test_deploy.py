"""The files of deploy/ pass their linters, match the app's commands and permissions, and run."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from support.archives import FIRST, privacy, read, settings_of
from support.emulator import ACCOUNT, Account
from support.events import envelope, write

from bwp_client.doctor.archive import inspect_archive
from bwp_client.sources.eventbridge.aws_clients import Clients
from bwp_client.warehouse import Warehouse

AWS = Path(__file__).parents[1] / "deploy" / "aws"
TEMPLATES = sorted(AWS.glob("*.yaml"))


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as their values."""


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


def test_both_roads_and_the_schedule_have_a_template() -> None:
    assert [path.name for path in TEMPLATES] == ["archive-reader.yaml", "events-to-s3.yaml", "scheduled-reports.yaml"]


def test_every_scheduled_command_is_one_of_ours_with_its_options() -> None:
    import json

    import typer.main
    from typer.testing import CliRunner

    from bwp_client.cli.app import app

    made = resources("scheduled-reports.yaml")
    commands = [
        json.loads(item["Target"]["Input"])["containerOverrides"][0]["command"]
        for item in made.values()
        if "ScheduleExpression" in item
    ]
    assert sorted(command[0] for command in commands) == ["check", "enrich", "load", "report"]
    for command in commands:
        found = typer.main.get_command(app).commands[command[0]]  # type: ignore[attr-defined]
        known = {spelling for option in found.params for spelling in option.opts}
        assert {part for part in command if part.startswith("--")} <= known
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0
    (container,) = made["Task"]["ContainerDefinitions"]
    from bwp_client.settings import Settings

    for item in [*container["Environment"], *container["Secrets"]]:
        first, *rest = item["Name"].removeprefix("BWP_").lower().split("__")
        if item["Name"].startswith("BWP_"):
            field = Settings.model_fields[first]
            assert not rest or rest[0] in field.annotation.model_fields  # type: ignore[union-attr]


def test_the_container_file_is_clean_under_hadolint() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), AWS.parent / "Containerfile"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_container_file_copies_what_there_is() -> None:
    root = AWS.parents[1]
    copied = [
        line.split()[1:-1] for line in (AWS.parent / "Containerfile").read_text().splitlines() if line[:5] == "COPY "
    ]
    assert copied
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for path in (path for paths in copied for path in paths):
        assert (root / path).exists()
        assert path in allowed


def test_every_line_of_the_crontab_runs_as_cron_runs_it(tmp_path: Path) -> None:
    """Cron's environment has a home, a path of two folders and /bin/sh; settings come from .env alone."""
    home = tmp_path / "srv"
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "bwp").symlink_to(Path(sys.executable).with_name("bwp"))
    monday = last_monday()
    events = [
        envelope(f"t-{place}", outcome="COMPLETED", time=monday + timedelta(hours=place)) for place in range(7 * 24 + 1)
    ]
    write(home / "events" / "0.json", events)
    (home / ".env").write_text(
        f"BWP_SOURCE={home / 'events'}\nBWP_REPORT__BROWSER=none\nBWP_REPORT__MAX_STALE_HOURS=1000\n"
    )
    lines = [line for line in (AWS.parent / "crontab").read_text().splitlines() if line[:1].isdigit()]
    assert len(lines) == 3
    for line in lines:
        command = line.split(maxsplit=5)[5]
        assert "%" not in command  # cron would make it a newline
        subprocess.run(
            ["/bin/sh", "-c", command.replace("/srv/bwp", str(home))],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}, timeout=120, check=False,
        )  # fmt: skip
    assert "169 stored" in (home / "load.log").read_text()
    assert "published" in (home / "report.log").read_text()
    assert "Needs attention" not in (home / "report.log").read_text()
    assert len(list((home / "reports").glob("*/manifest.json"))) == 1
    assert (home / "check.log").read_text()


def last_monday() -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday() + 7)


def test_a_deployed_archive_reader_satisfies_the_doctor_and_reads_the_archive(
    make_account: Callable[..., Account], tmp_path: Path
) -> None:
    account = make_account()
    stacks = account.emulator.client("cloudformation")
    values = {
        "ArchiveName": account.archive, "EventBusName": account.bus, "RuleName": f"made-{account.rule}",
        "PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/app",
    }  # fmt: skip
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    body = (AWS / "archive-reader.yaml").read_text()
    name = f"reader-{account.archive}"
    stacks.create_stack(StackName=name, TemplateBody=body, Parameters=parameters, Capabilities=["CAPABILITY_IAM"])
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    made = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
    account = replace(account, rule=made["RuleName"], queue_url=made["QueueUrl"])
    clients = Clients(account.events, account.sqs)
    url = f"archive://{account.archive}"
    found = inspect_archive(url, settings_of(account), clients, [], now=FIRST + timedelta(days=30))
    assert [finding.as_text() for finding in found if finding.fix] == []
    account.put(privacy(5))
    assert read(account, Warehouse(str(tmp_path / "w"))).stored == 5


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
