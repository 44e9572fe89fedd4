"""What S3 refuses has the same cause and the same next step in both of its clients, and in every use of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.events import envelope, text_of
from support.scripted_s3 import Refusal, ScriptedS3

from bwp_client import aws
from bwp_client.errors import BwpError, ExitCode, SettingsError
from bwp_client.load import load
from bwp_client.reports.store import open_store
from bwp_client.settings import Settings
from bwp_client.sources import open_source
from bwp_client.warehouse import TableName, Warehouse
from bwp_client.warehouse.file_cache import local_copies

USES: dict[str, Callable[[], object]] = {
    "load": lambda: list(open_source("s3://bucket/in/").objects()),
    "status": lambda: Warehouse("s3://bucket/warehouse").handle(TableName.RUNS),
    "report": lambda: open_store("s3://bucket/reports").published(),
}
IRELAND = {"x-amz-bucket-region": "eu-west-1"}
REFUSALS = [
    (Refusal(400, "ExpiredToken"), 3, "have expired", "Set AWS_ACCESS_KEY_ID"),
    (Refusal(403, "RequestTimeTooSkewed"), 3, "clock is wrong", "NTP"),
    (Refusal(403, "InvalidAccessKeyId"), 3, "does not know the key", "partition"),
    (Refusal(403, "SignatureDoesNotMatch"), 3, "secret key", "Copy both keys"),
    (Refusal(400, "KMS.DisabledException"), 3, "key is disabled", "Enable the KMS key"),
    (Refusal(403, "AllAccessDisabled"), 3, "account", "owner"),
    (Refusal(403, "AccessDenied"), 3, "refused", "BWP_S3_REQUEST_PAYER=requester"),
    (Refusal(403), 3, "refused", "s3:ListBucket"),
    (Refusal(301, "PermanentRedirect", headers=IRELAND), 3, "is in Region eu-west-1", "Set AWS_REGION"),
    (Refusal(404, "NoSuchBucket"), 2, "bucket of s3://bucket", "another partition"),
    (Refusal(503, "SlowDown"), 3, "throttling", "Wait some minutes"),
]


def refused(use: Callable[[], object]) -> BwpError:
    with pytest.raises(BwpError) as raised:
        use()
    return raised.value


@pytest.mark.parametrize(("refusal", "exit_code", "cause", "next_step"), REFUSALS)
@pytest.mark.parametrize("use", USES)
def test_each_refusal_is_told_by_its_cause(
    use: str, refusal: Refusal, exit_code: int, cause: str, next_step: str, scripted_s3: ScriptedS3
) -> None:
    scripted_s3.refuse(refusal)
    error = refused(USES[use])
    assert error.exit_code == exit_code, error
    assert cause in str(error)
    assert next_step in str(error)


@pytest.mark.parametrize("use", USES)
def test_an_answer_that_is_none_of_s3s_is_no_fault_of_ours(use: str, scripted_s3: ScriptedS3) -> None:
    scripted_s3.refuse(Refusal(403, body="<html><body>Log in to the guest network</body></html>"))
    assert refused(USES[use]).exit_code == ExitCode.REMOTE


def test_a_copy_of_a_data_file_names_the_cause_that_the_answer_to_head_leaves_out(scripted_s3: ScriptedS3) -> None:
    scripted_s3.put("bucket", "t/a", b"x")
    scripted_s3.refuse(Refusal(400, methods=("HEAD",)), Refusal(400, "ExpiredToken", methods=("GET",)))
    error = refused(lambda: local_copies("s3://bucket/t", [("a", 1)]))
    assert "have expired" in str(error)


def test_the_requester_pays_for_listing_and_reading_where_the_setting_says_so(
    scripted_s3: ScriptedS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_s3.put("payer", "in/a", text_of([envelope("t-1")]))
    scripted_s3.put("payer", "in/b c", text_of([envelope("t-2")]))  # a key that boto3 reads
    scripted_s3.refuse(Refusal(403, "AccessDenied", unless=("x-amz-request-payer", "requester")))
    warehouse = Warehouse(str(tmp_path / "w"))
    assert "set BWP_S3_REQUEST_PAYER=requester" in str(refused(lambda: load(warehouse, open_source("s3://payer/in/"))))
    monkeypatch.setenv("BWP_S3_REQUEST_PAYER", "requester")
    aws.s3_client.cache_clear()
    assert load(warehouse, open_source("s3://payer/in/")).stored == 2
    with pytest.raises(BwpError, match="not there"):
        Warehouse("s3://payer/wh").handle(TableName.RUNS)
    scripted_s3.put("payer", "t/a", b"x")
    (copy,) = local_copies("s3://payer/t", [("a", 1)])
    assert Path(copy).read_bytes() == b"x"
    monkeypatch.setenv("BWP_S3_REQUEST_PAYER", "me")
    with pytest.raises(SettingsError, match="BWP_S3_REQUEST_PAYER"):
        Settings.load()


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        ({"AWS_PROFILE": "p"}, "eu-west-3"),
        ({"AWS_PROFILE": "p", "AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({}, "us-east-1"),
    ],
)
def test_both_clients_sign_for_the_region_that_is_set(
    variables: dict[str, str], region: str, scripted_s3: ScriptedS3, no_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (no_aws / "config").write_text("[profile p]\nregion = eu-west-3\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    scripted_s3.put("signed", "in/a", b"{}")
    source = open_source("s3://signed/in/")
    for item in source.objects():
        source.open(item).read()
    with pytest.raises(BwpError):
        Warehouse("s3://signed/wh").handle(TableName.RUNS)
    asked = scripted_s3.requests()
    assert len(asked) >= 3
    assert {request["headers"]["authorization"].split("/")[2] for request in asked} == {region}


def test_the_endpoint_of_a_profile_serves_both_clients(
    scripted_s3: ScriptedS3, no_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (no_aws / "config").write_text(f"[profile p]\nregion = us-east-1\nendpoint_url = {scripted_s3.address}\n")
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    scripted_s3.put("profiled", "in/a", b"{}")
    source = open_source("s3://profiled/in/")
    assert [source.open(item).read() for item in source.objects()] == [b"{}"]
    with pytest.raises(BwpError, match="not there"):
        Warehouse("s3://profiled/wh").handle(TableName.RUNS)
    assert {request["method"] for request in scripted_s3.requests()} == {"LIST", "GET"}


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///in/", "s3://two words/in/", "s3://arn:aws:s3:us-east-1:1:accesspoint/x", "s3://büro/"]
)
def test_an_address_without_a_bucket_is_refused(uri: str, no_aws: Path) -> None:
    for use in (open_source, Warehouse, open_store):
        with pytest.raises(SettingsError, match=r"names no (valid )?bucket"):
            use(uri)
