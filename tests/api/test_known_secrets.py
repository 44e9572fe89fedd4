"""Answers that repeat the secrets of the call, in any spelling: none of them is stored."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from pydantic import SecretStr
from support.scripted_api import http, token

from bwp_client.settings import ApiCredential

FIELD = "personalDataDeletionTask"
SECRET = 'hän "s/3+x'
CLIENT = "shop-eu"
TOKEN = "tok9"
PAIR = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
ECHOES = {
    "as it is": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "as in a form": quote_plus(SECRET),
    "percent-encoded in small letters": quote(SECRET, safe="").lower(),
    "percent-encoded twice": quote(quote(SECRET, safe=""), safe=""),
    "each character percent-encoded": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "in JSON text": json.dumps(SECRET),
    "in HTML": SECRET.replace("ä", "&#228;").replace('"', "&#x22;"),
    "in HTML with names": SECRET.replace("ä", "&auml;").replace('"', "&quot;").replace("/", "&sol;"),
    "as HTTP Basic authentication": f"Basic {PAIR}",
    "as the URL-safe form of it": base64.urlsafe_b64encode(f"{CLIENT}:{SECRET}".encode()).decode().rstrip("="),
    "in Base64": base64.b64encode(SECRET.encode()).decode(),
    "in Base64 of a form": base64.b64encode(f"a=b&client_secret={SECRET}&c=d".encode()).decode(),
    "in Base64 at another place": base64.b64encode(f"=b&client_secret={SECRET}&c=d".encode()).decode(),
    "in Base64 at a third place": base64.b64encode(f"b&client_secret={SECRET}&c=d".encode()).decode(),
    "the token": TOKEN,
    "within a word": f"x{SECRET}y",
}


def remains(text: str) -> list[str]:
    """Return what a text still has of the secrets: the longest parts of each echo that it holds."""
    secrets = {SECRET, TOKEN, PAIR, *(echo for name, echo in ECHOES.items() if "Base64" in name)}
    return [part for secret in secrets for part in (secret, secret[1:-1], secret[3:]) if part in text]


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("where", ["call error", "message", "code", "status"])
def test_a_secret_in_an_answer_is_not_stored(bench, task, echo, where):
    text = f"unknown client {echo} here"
    answer = {
        "call error": {"errors": [{"message": text}], "data": None},
        "message": {"data": {FIELD: {"taskId": task.task_id, "status": "FAILED", "errors": [{"message": text}]}}},
        "code": {"data": {FIELD: {"taskId": task.task_id, "status": "FAILED", "errors": [{"code": text}]}}},
        "status": {"data": {FIELD: {"taskId": task.task_id, "status": text}}},
    }[where]
    bench.api.tokens, bench.api.answers = [token(TOKEN)], [http(200, answer)]
    credentials = {"*": ApiCredential(client_id=CLIENT, client_secret=SecretStr(SECRET))}
    [lookup] = bench.look_up(task, settings=bench.settings(credentials=credentials))
    stored = json.dumps([lookup.reason, lookup.status, repr(lookup.errors)], ensure_ascii=False)
    assert "<secret>" in stored
    assert not remains(stored)


def test_a_long_token_is_not_stored_in_any_spelling(bench, task):
    long = "".join(f"k{number}+/=" for number in range(200))
    for echo in (long, quote(long, safe=""), json.dumps(quote(long)), base64.b64encode(f"x{long}".encode()).decode()):
        bench.api.tokens = [token(long)]
        bench.api.answers = [http(200, {"errors": [{"message": f"bad token {echo}, ask again"}], "data": None})]
        [lookup] = bench.look_up(task)
        assert "<secret>" in lookup.reason
        assert "k77" not in lookup.reason
        assert base64.b64encode(b"k77+/=").decode() not in lookup.reason


def test_the_password_of_an_address_is_not_stored(bench, task):
    bench.api.answers = [http(200, {"errors": [{"message": "hello shop-user hunter2"}], "data": None})]
    address = bench.api.url.replace("http://", "http://shop-user:hunter2@")
    [lookup] = bench.look_up(task, settings=bench.settings(endpoint=f"{address}/graphql"))
    assert "hunter2" not in lookup.reason


def test_texts_without_a_secret_stay_as_they_are(bench, task):
    bench.api.answers = [http(200, {"errors": [{"message": "the orders of May are open"}], "data": None})]
    credentials = {"*": ApiCredential(client_id="id", client_secret=SecretStr("the"))}
    [lookup] = bench.look_up(task, settings=bench.settings(credentials=credentials))
    assert "the orders of May are open" in lookup.reason


def test_a_long_hostile_answer_takes_no_time(bench, task):
    for text in ("%25" * 300_000, "A" * 900_000, "&#000" * 100_000, SECRET[:-1] * 50_000):
        bench.api.answers = [http(200, {"errors": [{"message": text}], "data": None})]
        credentials = {"*": ApiCredential(client_id=CLIENT, client_secret=SecretStr(SECRET))}
        [lookup] = bench.look_up(task, settings=bench.settings(credentials=credentials))
        assert len(lookup.reason) < 1_000
