"""No secret of a settings file, a request or an address gets into an excerpt, whatever form it is written in."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bwp_client.redaction import EXCERPT_CHARACTERS, excerpt

NAMES = (
    "secret", "client_secret", "cookie_secret", "BWP_API__CLIENT_SECRET", "password", "DB_PASSWORD", "passwd", "passphrase",
    "pwd", "token", "access_token", "refreshToken", "client_id", "clientId", "api_key", "apiKey", "API-KEY", "x-api-key",
    "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "credentials", "aws_secret_access_key",
    "aws_access_key_id", "AccessKeyId", "private_key", "BWP_NOTIFY_URL", "pass", "Passwort", "kennwort", "session_id", "PIN",
    "otp", "ｃｌｉｅｎｔ＿ｓｅｃｒｅｔ", "client\\u005fsecret",
)  # fmt: skip
FORMS = (
    '{{"{name}": "{value}", "more": 1}}', '{{"{name}":["a","{value}"]}}', '{{\\"{name}\\": \\"{value}\\"}}',
    '{{\\\\\\"{name}\\\\\\":\\\\\\"{value}\\\\\\"}}', '{name} = "{value}"', "{name} = '''\n{value}\n'''", "{name}={value}",
    "export {name}={value}", "{name}: {value}", "{name}: |\n  {value}", "?a=1&{name}={value}&b=2",
    "%22{name}%22%3A%22{value}%22",
    '{{"name": "{name}", "value": "{value}"}}', "<{name}>{value}</{name}>", "{name},other\n{value},2", "{name}\t{value}",
    "&quot;{name}&quot;:&quot;{value}&quot;", "{name}: Bearer {value}", "{name} => {value}", "{name} {value}",
)  # fmt: skip
VALUES = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789+/=_.!$@:,;#\\\"' ", min_size=4, max_size=60).map(
    "Zq{}qZ".format
)


@given(name=st.sampled_from(NAMES), form=st.sampled_from(FORMS), value=VALUES, before=st.integers(0, 1300),
       code=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"]))  # fmt: skip
def test_no_value_behind_the_name_of_a_secret_is_shown(
    name: str, form: str, value: str, before: int, code: str
) -> None:
    filler = "x " * (before // 2)
    assert "Zq" not in excerpt((filler + form.format(name=name, value=value)).encode(code))


@example(scheme="https", value="Zq0tokEnqZ", before=0)
@given(
    scheme=st.sampled_from(["https", "postgresql", "redis", "slack", "json"]), value=VALUES, before=st.integers(0, 1300)
)
def test_no_user_or_password_of_an_address_is_shown(scheme: str, value: str, before: int) -> None:
    value = "".join(character for character in value if character not in " \"'")
    for address in (f"{scheme}://{value}@host/x", f"{scheme}://user:{value}@host:80/x", f"{scheme}://{value}:pa@host"):
        for record in (f'{"1" * before} {{"a": "{address}", "b": "' + "y" * 1300, address, f"a={address}"):
            shown = excerpt(record.encode())
            assert value[:8] not in shown, shown


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7/VJTUt9Us8cK",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "ghp_abcdefghijklmnopqrstuvwxyz",
        "github_pat_abcdefghijk",
        "glpat-abcdefghijk",
        "sk_live_abcdefghijk",
        "xoxb-abcdefghijk-lmnop",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
    ],
)
def test_a_key_that_no_name_stands_before_is_not_shown(secret: str) -> None:
    for record in (secret, f'["{secret}"]') if "/" not in secret else (secret,):
        assert secret[:12] not in excerpt(record.encode())


@pytest.mark.parametrize(
    "record",
    [
        '{"value": "Zq9Xvalue", "name": "client_secret"}',
        "- value: Zq9Xvalue\n  name: DB_PASSWORD",
        "https://hooks.slack.com/services/T000/B000/Zq9Xvalue",
        "https://discord.com/api/webhooks/1234/Zq9Xvalue",
        "https://a.blob.invalid/y?sv=1&sig=Zq9Xvalue",
        "https://b.s3.invalid/x?X-Amz-Security-Token=Zq9Xvalue",
    ],
)
def test_a_secret_is_not_shown_where_its_address_or_a_later_name_tells(record: str) -> None:
    assert "Zq" not in excerpt(record.encode())


@pytest.mark.parametrize("at", ["\\uff20", "\\\\uFE6B", "%EF%BC%A0", "&#65312;", "&#xff20;", "\\u0040", "%40"])
def test_no_address_whose_at_sign_is_escaped_is_shown(at: str) -> None:
    assert "jane" not in excerpt(f'{{"id": "e-jane{at}example.com", oops'.encode())


def test_no_number_in_escaped_digits_is_shown() -> None:
    shown = excerpt(rb'{"tel": "\uff10\uff11\uff17\uff10 \uff11\uff12\uff13\uff14\uff15\uff16\uff17", oops')
    assert "\\uff11" not in shown
    assert "1234567" not in shown


def test_what_is_no_secret_is_shown() -> None:
    record = (
        '{"version": "0", "id": "7e1b2c9a-aa3d-af6e-8b1a-ad2c4e6f8a0b", "detail-type": "DELETE_FAILED", "detail": {'
    )
    assert excerpt(record.encode()) == record


def test_scrubbing_takes_time_in_proportion() -> None:
    hostile = ("://" * 500, "a1B" * 500, "%25" * 500, "\\" * 1500, "://a@" * 300, "api" * 500, "A1b-" * 400 + "é")
    begin = time.process_time()
    for text in hostile:
        for _ in range(20):
            assert len(excerpt(text.encode())) <= EXCERPT_CHARACTERS
    assert time.process_time() - begin < 2.0
