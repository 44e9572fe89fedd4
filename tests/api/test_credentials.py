import json

import pytest
from support.scripted_api import http, silence, trickle

from bwp_client.api.credentials import with_stored_credentials
from bwp_client.errors import SettingsError, SourceNotFoundError, TerminalRemoteError, TransientRemoteError
from bwp_client.settings import Settings

STORED = {"bp-1": {"client_id": "stored", "client_secret": "s3cr3t"}}


@pytest.fixture
def aws(bench, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": bench.api.url,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return bench


def test_without_a_secret_id_nothing_is_read(bench):
    settings = bench.settings()
    assert with_stored_credentials(settings) is settings


def test_credentials_from_the_settings_override_those_of_the_secret(aws):
    aws.api.answers = [http(200, {"SecretString": json.dumps(STORED | {"*": STORED["bp-1"]})})]
    settings = with_stored_credentials(aws.settings(credentials_secret_id="bwp"))
    assert {key: item.client_id for key, item in settings.credentials.items()} == {"bp-1": "stored", "*": "client-1"}
    assert json.loads(aws.api.seen[0].body) == {"SecretId": "bwp"}
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (http(200, {"SecretString": "s3cr3t, but no JSON"}), "not JSON of the form"),
        (
            http(200, {"SecretString": json.dumps({"client_id": "a", "client_secret": "s3cr3t"})}),
            "not JSON of the form",
        ),
        (http(200, {"SecretBinary": "czNjcjN0"}), "not JSON of the form"),
    ],
    ids=["no JSON", "another form", "binary"],
)
def test_a_secret_that_can_t_be_used_is_a_wrong_setting(aws, answer, message):
    aws.api.answers = [answer]
    with pytest.raises(SettingsError, match=message) as raised:
        with_stored_credentials(aws.settings(credentials_secret_id="bwp"))
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.timeout(50)
@pytest.mark.parametrize("answer", [silence(), trickle()], ids=["nothing", "a byte now and then"])
def test_a_secret_that_never_arrives_is_given_up(aws, monkeypatch, answer):
    for name in ("MIN_SECRET_SECONDS", "MAX_SECRET_SECONDS"):
        monkeypatch.setattr(f"bwp_client.api.credentials.{name}", 0.1, raising=False)
    aws.api.answers = [answer]
    with pytest.raises(TransientRemoteError, match=r"did not answer in time\. Nothing was asked"):
        with_stored_credentials(aws.settings(credentials_secret_id="bwp"))


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("ResourceNotFoundException", SourceNotFoundError, "the secret bwp does not exist"),
        ("AccessDeniedException", TerminalRemoteError, "needs secretsmanager:GetSecretValue"),
        ("ExpiredTokenException", TerminalRemoteError, "have expired"),
        ("UnrecognizedClientException", TerminalRemoteError, "does not know the key"),
        ("InvalidSignatureException", TerminalRemoteError, "clock"),
        ("DecryptionFailure", TerminalRemoteError, "Enable the KMS key"),
    ],
)
def test_a_refusal_of_the_secret_says_its_cause(aws, code, kind, message):
    text = "Signature expired: 20261129T1 is now earlier than x" if code == "InvalidSignatureException" else "no"
    aws.api.answers = [http(400, {"__type": code, "message": text})]
    with pytest.raises(kind, match=message) as raised:
        with_stored_credentials(aws.settings(credentials_secret_id="bwp"))
    assert "Nothing was asked." in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        '[bwp.api.credentials."*"]\nclient_id = "from-file"\nclient_secret = "s3cr3t"\n',
        '[bwp]\nAPI__CREDENTIALS = \'{"*": {"client_id": "from-file", "client_secret": "s3cr3t"}}\'\n',
    ],
    ids=["as tables", "as JSON"],
)
def test_credentials_from_the_environment_override_those_of_the_secrets_file(text, tmp_path, monkeypatch):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert settings.api.credential_for("bp-1").client_id == "from-file"
    assert "s3cr3t" not in repr(settings)
    monkeypatch.setenv("BWP_API__CREDENTIALS", json.dumps({"*": {"client_id": "from-env", "client_secret": "x"}}))
    assert Settings.load().api.credential_for("bp-1").client_id == "from-env"


def test_a_wrong_credential_is_reported_without_its_value(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in ('{"*": {"client_id": "a", "client_secrte": "s3cr3t"}}', "s3cr3t, no JSON"):
        monkeypatch.setenv("BWP_API__CREDENTIALS", value)
        with pytest.raises(SettingsError) as raised:
            Settings.load()
        assert "s3cr3t" not in str(raised.value)
