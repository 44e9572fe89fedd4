"""A wrong AWS set-up is told by its cause, in one sentence, whichever command meets it first."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ports import free_port
from support.scripted_s3 import Refusal, ScriptedS3
from support.tables import command

from bwp_client.api.credentials import with_stored_credentials
from bwp_client.aws import s3_client
from bwp_client.errors import BwpError, SettingsError
from bwp_client.monitoring.status import status_of
from bwp_client.reports.store import open_store
from bwp_client.settings import ApiSettings
from bwp_client.sources import open_source
from bwp_client.sources.eventbridge.aws_clients import open_clients
from bwp_client.warehouse import Warehouse

Capture = pytest.CaptureFixture[str]
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
USES: dict[str, Callable[[], object]] = {
    "load": lambda: list(open_source("s3://bucket/in/").objects()),
    "doctor": s3_client,
    "status": lambda: status_of(Warehouse("s3://bucket/warehouse")),
    "report": lambda: open_store("s3://bucket/reports").published(),
    "archive": lambda: open_clients(QUEUE),
    "enrich": lambda: with_stored_credentials(ApiSettings(credentials_secret_id="bwp")),
}
KEYS = "aws_access_key_id = a\naws_secret_access_key = b\n"
SSO = """
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Reader
region = us-east-1
[sso-session corp]
sso_start_url = https://corp.awsapps.example/start
sso_region = us-east-1
"""
HELPER = "The helper program of AWS profile 'p'"


def profile(*lines: str) -> str:
    return "\n".join(["[profile p]", "region = us-east-1", *lines])


def helper(program: str) -> tuple[str, str, str]:
    return profile(f"credential_process = {program}"), HELPER, "by hand"


def printing(**changes: object) -> str:
    """Return a helper program that prints a key as it must, but for what changes."""
    return f"echo '{json.dumps({'Version': 1, 'AccessKeyId': 'a', 'SecretAccessKey': 'b'} | changes)}'"


CIRCLE = """role_arn = arn:aws:iam::1:role/r
source_profile = q
[profile q]
role_arn = arn:aws:iam::1:role/s
source_profile = p"""
PROFILES: dict[str, tuple[str, str, str]] = {
    # what is wrong: (the configuration file, what happened, what to do)
    "no such profile": ("[profile other]", "AWS profile 'p' does not exist", "Set AWS_PROFILE"),
    "never logged in": (f"[profile p]{SSO}", "AWS profile 'p' is not logged in", "aws sso login --profile p"),
    "no sso-session": (profile("sso_session = x", "sso_account_id = 1", "sso_role_name = r"), 'not exist: "x"', "Mend"),
    "no source profile": (profile("role_arn = arn:aws:iam::1:role/r", "source_profile = nobody"), '"nobody"', "Mend"),
    "profiles in a circle": (profile(CIRCLE), "Infinite loop", "Mend"),
    "no helper": helper("/nonexistent/tool --x"),
    "helper that may not run": helper("/etc/passwd"),
    "helper that fails": helper("sh -c 'echo s3cr3t >&2; exit 1'"),
    "helper that prints nothing": helper("true"),
    "helper that prints rubbish": helper("echo s3cr3t"),
    "helper that prints no UTF-8": helper("printf '\\\\377'"),
    "helper that prints a list": helper("echo []"),
    "helper of another version": helper(printing(Version=2)),
    "helper with an odd quote": helper("echo 's3cr3t"),
    "helper with null for a key": (helper(printing(AccessKeyId=None))[0], "can't be used", "Mend"),
    "helper with an old key": (helper(printing(Expiration="2020-01-01T00:00:00Z"))[0], "AWS profile 'p'", "Mend"),
    "role of a profile that is not logged in": (
        f"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = q\n[profile q]{SSO}",
        "not logged in",
        "aws sso login --profile q",
    ),
    "no file with a token": (
        profile("role_arn = arn:aws:iam::1:role/r", "web_identity_token_file = /nonexistent/token"),
        "/nonexistent/token can't be read",
        "Mend",
    ),
    "role that needs a code": (
        profile("role_arn = arn:aws:iam::1:role/r", "source_profile = q", "mfa_serial = m", f"[profile q]\n{KEYS}"),
        "it asks for an MFA code",
        "Mend",
    ),
    "file without sections": (KEYS, "can't be parsed", "Mend it"),
    "section twice": (f"[profile p]\n{KEYS}[profile p]\n", "line 4, can't be parsed", "Mend it"),
    "key without a secret": (profile("aws_access_key_id = a"), "aws_secret_access_key is missing", "Set the missing"),
    "profile without credentials": (profile(), "No AWS credentials", "AWS_ACCESS_KEY_ID"),
    "zone for a Region": (f"[profile p]\n{KEYS}region = us-east-1a", "'us-east-1a' is not known", "us-east-1"),
    "Region with a blank": (f"[profile p]\n{KEYS}region = us east 1", "'us east 1' is not known", "us-east-1"),
    "no services section": (profile(KEYS, "services = x"), "services x", "Mend"),
}
BOTH_CLIENTS = ("load", "status")
"""boto3 meets a wrong set-up first in the one, Delta Lake's own client in the other."""
CASES = [(use, wrong) for wrong in PROFILES for use in BOTH_CLIENTS] + [
    (use, wrong)
    for wrong in ("no such profile", "never logged in", "no helper", "zone for a Region")
    for use in USES
    if use not in BOTH_CLIENTS
]


def message_of(use: Callable[[], object]) -> BwpError:
    with pytest.raises(BwpError) as raised:
        use()
    return raised.value


@pytest.mark.parametrize(("use", "wrong"), CASES)
def test_a_broken_profile_has_the_same_answer_everywhere(
    use: str, wrong: str, no_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, happened, next_step = PROFILES[wrong]
    (no_aws / "config").write_text(config)
    monkeypatch.setenv("AWS_PROFILE", "p")
    error = message_of(USES[use])
    assert isinstance(error, SettingsError), error
    assert happened in str(error)
    assert next_step in str(error).rpartition("Nothing was read or written. ")[2]
    assert "s3cr3t" not in str(error)
    assert len(str(error)) < 500


def test_delta_lakes_client_reads_no_profile_by_itself(no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own reader of profiles panics on a value that boto3 takes; S3 itself is behind a proxy that is not there."""
    (no_aws / "config").write_text(profile(KEYS, "retry_mode = legacy"))
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    error = message_of(USES["status"])
    assert error.exit_code == 3
    assert "S3 could not be reached for s3://bucket/warehouse" in str(error)


def logged_in_until(home: Path, expiry: str) -> None:
    """Write the token of the sso-session, as `aws sso login` does."""
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {
        "startUrl": "https://corp.awsapps.example/start",
        "region": "us-east-1",
        "accessToken": "s3cr3t",
        "expiresAt": expiry,
    }
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))
    (home / "config").write_text(f"[profile p]{SSO}")


SOURCE, STATUS = ("load", "s3://bucket/in/"), ("status", "--warehouse", "s3://bucket/warehouse")


@pytest.mark.parametrize("arguments", [SOURCE, STATUS])
def test_a_login_that_has_expired_is_to_be_renewed(
    arguments: tuple[str, ...], no_aws: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in_until(no_aws, "2020-01-01T00:00:00Z")
    done = command(*arguments, cwd=tmp_path, AWS_PROFILE="p")
    assert done.returncode == 2, done.stderr
    assert "TokenRetrievalError" in done.stderr
    assert "Run `aws sso login --profile p`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [SOURCE, STATUS])
@pytest.mark.parametrize(
    ("status", "code", "exit_code", "words"),
    [
        (401, "UnauthorizedException", 2, "aws sso login --profile p"),
        (403, "ForbiddenException", 3, "GetRoleCredentials"),
    ],
)
def test_a_login_that_the_portal_refuses_is_told_by_its_cause(
    arguments: tuple[str, ...], status: int, code: str, exit_code: int, words: str, scripted_server: ScriptedS3,
    no_aws: Path, tmp_path: Path,
) -> None:  # fmt: skip
    logged_in_until(no_aws, "2100-01-01T00:00:00Z")
    scripted_server.refuse(Refusal(status, body="{}", headers={"x-amzn-ErrorType": code}))
    done = command(*arguments, cwd=tmp_path, AWS_PROFILE="p", AWS_ENDPOINT_URL_SSO=scripted_server.address)
    assert done.returncode == exit_code, done.stderr
    assert words in done.stderr
    assert "s3cr3t" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("use", USES)
def test_a_role_that_may_not_be_assumed_is_a_refusal_of_sts(
    use: str, scripted_server: ScriptedS3, no_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = q\nregion = us-east-1\n[profile q]\n{KEYS}"
    (no_aws / "config").write_text(role)
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", scripted_server.address)
    denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    scripted_server.refuse(Refusal(403, body=denied))
    error = message_of(USES[use])
    assert error.exit_code == 3
    assert "AssumeRole" in str(error)
    assert "sts:AssumeRole" in str(error)


@pytest.mark.parametrize("use", BOTH_CLIENTS)
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AWS_PROFILE", "", "AWS_PROFILE is set, but empty"),
        ("AWS_SECRET_ACCESS_KEY", "b\n", "a line break"),
        ("AWS_SESSION_TOKEN", "s3cr3t token", "a blank"),
        ("AWS_ACCESS_KEY_ID", "é", "no text"),
    ],
)
def test_a_broken_variable_has_the_same_answer_everywhere(
    use: str, name: str, value: str, words: str, scripted_s3: ScriptedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    error = message_of(USES[use])
    assert isinstance(error, SettingsError), error
    assert words in str(error)
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize("use", USES)
def test_the_variable_that_is_missing_is_named(use: str, no_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    error = message_of(USES[use])
    assert isinstance(error, SettingsError)
    assert "AWS_SECRET_ACCESS_KEY is missing" in str(error)


ADDRESSES = (
    "localhost:9000", "127.0.0.1", "//localhost:9000", "ftp://localhost", "http://", "http:///x", "http://local host",
    "http://h:99999", "http://h:x", "http://h:0", "http://[::1", "http://under_score:9000", " http://localhost", "http://u:s3cr3t@localhost",
    "http://localhost?x=s3cr3t",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("use", BOTH_CLIENTS)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_that_is_no_web_address_is_refused_before_any_client_sees_it(
    name: str, use: str, address: str, scripted_s3: ScriptedS3, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setenv(name, address)
    error = message_of(USES[use])
    assert isinstance(error, SettingsError), error
    assert str(error).startswith(f"{name} is ")
    assert "s3cr3t" not in str(error).replace(repr(address), "")
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("use", ["load", "status", "report", "archive", "enrich"])
@pytest.mark.parametrize("at", ["profile", "services"])
def test_an_endpoint_of_a_profile_is_checked_too(
    at: str, use: str, no_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = "".join(f"{name} =\n  endpoint_url = localhost\n" for name in ("s3", "eventbridge", "secrets_manager"))
    wrong = "endpoint_url = localhost:9000" if at == "profile" else f"services = here\n[services here]\n{services}"
    (no_aws / "config").write_text(f"[profile p]\n{KEYS}region = us-east-1\n{wrong}")
    monkeypatch.setenv("AWS_PROFILE", "p")
    error = message_of(USES[use])
    assert isinstance(error, SettingsError)
    assert str(error).startswith("endpoint_url of AWS profile 'p' is 'localhost")


def test_an_endpoint_of_a_service_that_is_not_asked_decides_nothing(
    scripted_s3: ScriptedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "localhost")
    scripted_s3.put("unasked", "in/a", b"{}")
    assert [item.uri for item in open_source("s3://unasked/in/").objects()] == ["s3://unasked/in/a"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "s3://bucket/in/", "--warehouse", "w"),
        ("load", "FILE", "--warehouse", "s3://bucket/wh"),
        ("doctor", "s3://bucket/in/"),
        ("status", "--warehouse", "s3://bucket/wh"),
        ("metric", "failure_rate", "--warehouse", "s3://bucket/wh"),
        ("report", "log", "--out", "s3://bucket/reports"),
        ("load", "archive://arc", "--from", "2026-05-01"),
        ("doctor", "archive://arc"),
    ],
)
def test_every_command_says_it_in_one_line_with_exit_code_2(
    arguments: tuple[str, ...], no_aws: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (no_aws / "config").write_text("[profile p]\ncredential_process = /nonexistent/tool\nregion = us-east-1")
    monkeypatch.setenv("AWS_PROFILE", "p")
    (tmp_path / "a.json").write_text("{}")
    named = [str(tmp_path / "a.json") if item == "FILE" else item for item in arguments]
    archive = {"BWP_ARCHIVE__RULE_NAME": "r", "BWP_ARCHIVE__QUEUE_URL": QUEUE}
    done = command(*named, cwd=tmp_path, **archive)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(HELPER)
