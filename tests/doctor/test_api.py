"""`doctor api` against the local API: a finding for all that is right, and for each fault a finding with its fix."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from support.sandbox import running_sandbox
from support.scripted_api import http, token
from support.tables import command

from bwp_client.api import TaskRef
from bwp_client.doctor.api import inspect_api
from bwp_client.doctor.findings import Finding
from bwp_client.events import TaskKind
from bwp_client.sandbox.api.behaviour import Behaviour, Credential
from bwp_client.sandbox.sample.catalog import PRODUCTS
from bwp_client.sandbox.sample.task_ids import TaskFields, encode
from bwp_client.settings import ApiCredential, ApiSettings

FIRST, SECOND = (product.business_product_id for product in PRODUCTS[:2])
SECRET = "a-secret-that-must-not-show"
DENIED = {
    "errors": [{"message": "x", "extensions": {"classification": {"type": "AccessDeniedError", "errorCode": 403}}}],
    "data": None,
}


def sample_task(product: int) -> TaskRef:
    """Make the ID of a failed deletion that the local API knows."""
    from bwp_client.sandbox.sample.catalog import Kind, Lifecycle

    fields = TaskFields(11, Kind.DELETION, product, Lifecycle.FAILED, 1, 5, 1_770_000_000)
    return TaskRef(TaskKind.DELETION, encode(fields), PRODUCTS[product].business_product_id)


def settings_for(url: str, **more) -> ApiSettings:
    values = {
        "endpoint": f"{url}/graphql",
        "token_endpoint": f"{url}/token",
        "credentials": {"*": ApiCredential(client_id="any", client_secret=SecretStr(SECRET))},
    }
    return ApiSettings(**(values | more))


def credential(client_id: str, secret: str = SECRET) -> ApiCredential:
    return ApiCredential(client_id=client_id, client_secret=SecretStr(secret))


def bad(findings: list[Finding]) -> list[tuple[str, str]]:
    assert SECRET not in "".join(finding.as_text() for finding in findings)
    return [(finding.text, finding.fix) for finding in findings if not finding.ok]


def test_all_is_well():
    with running_sandbox() as sandbox:
        findings = inspect_api(settings_for(sandbox.url), [sample_task(0), sample_task(1)])
    assert bad(findings) == []
    assert [finding.text.split(":")[0] for finding in findings] == [
        "Address endpoint", "Address token endpoint", "Token for all business products",
        f"Target ID {FIRST}", f"Target ID {SECOND}", "Permission", "Version", "Clock",
    ]  # fmt: skip


def test_a_wrong_secret_is_named_and_the_others_are_checked_all_the_same():
    known = {"one": Credential("right", FIRST), "two": Credential(SECRET, SECOND)}
    with running_sandbox(Behaviour(credentials=known)) as sandbox:
        credentials = {FIRST: credential("one", "wrong"), SECOND: credential("two")}
        findings = inspect_api(settings_for(sandbox.url, credentials=credentials), [sample_task(0), sample_task(1)])
    [(text, fix)] = bad(findings)
    assert text == f"Token for {FIRST}: the credential was refused (invalid_client)."
    assert f"client_secret of {FIRST!r}" in fix
    assert Finding(f"Target ID {SECOND}: accepted") in findings


def test_a_credential_of_another_business_product_is_told_from_a_missing_permission():
    with running_sandbox(Behaviour(credentials={"one": Credential(SECRET, FIRST)})) as sandbox:
        settings = settings_for(sandbox.url, credentials={"*": credential("one")})
        [(text, fix)] = bad(inspect_api(settings, [sample_task(0), sample_task(1)]))
        assert text == f"Target ID {SECOND}: denied."
        assert "works for another business product" in fix
        faults = bad(inspect_api(settings, [sample_task(1)]))
    assert [text for text, _ in faults] == [f"Target ID {SECOND}: denied.", "Permission: every question was denied."]
    assert "TargetId" in faults[0][1]
    assert "Manage Shopper Privacy Requests" in faults[1][1]


def test_a_missing_credential_is_named():
    with running_sandbox() as sandbox:
        settings = settings_for(sandbox.url, credentials={FIRST: credential("one")})
        [(text, fix)] = bad(inspect_api(settings, [sample_task(0), sample_task(1)]))
    assert text == f"Target ID {SECOND}: events are known, but no credential is."
    assert "BWP_API__CREDENTIALS" in fix


def test_a_version_that_is_not_accepted_is_told_with_one_that_is():
    with running_sandbox() as sandbox:
        faults = bad(inspect_api(settings_for(sandbox.url, version="2019-01-01"), [sample_task(0)]))
    assert ("Version: 2019-01-01 is not accepted.", "Set BWP_API__VERSION to 2024-11-01.") in faults


@pytest.mark.parametrize(("hours", "words"), [(1, "3,600 seconds ahead of"), (-1, "3,600 seconds behind")])
def test_a_clock_that_is_wrong_is_reported(bench, hours, words):
    moment = datetime(2026, 4, 1, 12, tzinfo=UTC)
    bench.api.answers = [http(200, {"data": {"personalDataDeletionTask": None}}, date="Wed, 01 Apr 2026 12:00:00 GMT")]
    findings = inspect_api(settings_for(bench.api.url), [], clock=lambda: moment + timedelta(hours=hours))
    assert not any(finding.text.startswith("Clock") for finding in findings)  # without a product nothing is asked
    settings = settings_for(bench.api.url, credentials={FIRST: credential("one")})
    [(text, fix)] = bad(inspect_api(settings, [], clock=lambda: moment + timedelta(hours=hours)))
    assert words in text
    assert "NTP" in fix


def test_a_denied_question_about_a_made_up_task_proves_nothing(bench):
    bench.api.answers = [http(200, DENIED)]
    faults = bad(inspect_api(settings_for(bench.api.url, credentials={FIRST: credential("one")}), []))
    assert "made-up task" in faults[0][1]


def test_a_task_of_an_event_that_is_not_known_there_is_reported(bench):
    bench.api.answers = [http(200, {"data": {"personalDataDeletionTask": None}})]
    [(text, _)] = bad(inspect_api(settings_for(bench.api.url), [TaskRef(TaskKind.DELETION, "t-1", FIRST)]))
    assert "the task of an event is not known there" in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [(http(500, "<html>x</html>"), "had a fault on its side"), (http(200, "<html>x</html>"), "A web page came back")],
    ids=["fault", "a web page"],
)
def test_an_api_in_trouble_is_reported(bench, answer, words):
    bench.api.tokens = [token(SECRET)]
    bench.api.answers = [answer]
    [(text, _)] = bad(inspect_api(settings_for(bench.api.url), [TaskRef(TaskKind.DELETION, "t-1", FIRST)]))
    assert words in text


@pytest.mark.parametrize("endpoint", ["API", "token endpoint"])
def test_a_pause_that_was_asked_for_is_named(bench, endpoint):
    moment = datetime(2026, 4, 1, 12, tzinfo=UTC)
    throttled = http(429, "", retry_after="3600")
    bench.api.tokens = [token(SECRET) if endpoint == "API" else throttled]
    bench.api.answers = [throttled]
    [(text, fix)] = bad(
        inspect_api(settings_for(bench.api.url), [TaskRef(TaskKind.DELETION, "t-1", FIRST)], clock=lambda: moment)
    )
    assert "asked us to slow down" in text
    assert fix == "Run doctor api again after 2026-04-01 13:00:00 UTC."


@pytest.mark.parametrize(
    "address", ["ftp://host/x", "host/x", "http://[", "https://host:999999/x", "http://xn--/x", "http://a\x01/x", ""]
)
@pytest.mark.parametrize("setting", ["endpoint", "token_endpoint"])
def test_an_address_that_is_no_web_address_is_reported_and_nothing_is_asked(bench, setting, address):
    settings = settings_for(bench.api.url, **{setting: address})
    faults = dict(bad(inspect_api(settings, [sample_task(0)])))
    fix = faults[f"Address {setting.replace('_', ' ')}: this is no http:// or https:// address."]
    assert f"BWP_API__{setting.upper()}" in fix
    assert bench.api.seen == []


def test_nobody_listening_is_reported():
    faults = bad(inspect_api(settings_for("http://127.0.0.1:9"), [sample_task(0)]))
    assert any("could not be reached" in text for text, _ in faults)


def test_sample_tasks_are_not_asked_about_elsewhere_and_secrets_are_not_sent_in_the_open():
    faults = bad(inspect_api(settings_for("http://192.0.2.1"), [sample_task(0)]))
    assert [text.split(":")[0] for text, _ in faults[:2]] == ["Address endpoint", "Address token endpoint"]
    assert "nothing was asked" in faults[2][0]


def test_the_command_says_each_line_with_its_fix(tmp_path):
    with running_sandbox() as sandbox:
        env = {
            "BWP_API__ENDPOINT": f"{sandbox.url}/graphql",
            "BWP_API__TOKEN_ENDPOINT": f"{sandbox.url}/token",
            "BWP_API__CREDENTIALS": json.dumps({FIRST: {"client_id": "any", "client_secret": SECRET}}),
        }
        good = command("doctor", "api", "--json", cwd=tmp_path, **env)
        assert (good.returncode, json.loads(good.stdout)["ok"]) == (0, True), good.stderr
        wrong = command("doctor", "api", cwd=tmp_path, **env, BWP_API__VERSION="2019-01-01")
    assert wrong.returncode == 1
    assert "fix: Set BWP_API__VERSION to 2024-11-01." in wrong.stdout
    assert SECRET not in good.stdout + good.stderr + wrong.stdout + wrong.stderr
    assert command("doctor", "weather", cwd=tmp_path).returncode == 2
