"""Each setting of the local API has its effect."""

import time

import httpx
import pytest
from support.sandbox import running_sandbox

from bwp_client.sandbox.api.app import create_app
from bwp_client.sandbox.api.behaviour import Behaviour, Credential
from bwp_client.sandbox.api.faults import FAULTS
from bwp_client.sandbox.sample.catalog import PRODUCTS, Kind, Lifecycle
from bwp_client.sandbox.sample.task_ids import EPOCH_2020, TaskFields, encode

LUMA, KESTREL = PRODUCTS[1].business_product_id, PRODUCTS[2].business_product_id
TASK = encode(TaskFields(7, Kind.DELETION, 1, Lifecycle.FAILED, 0, 42, EPOCH_2020 + 200_000_000))


def kind_of(response):
    return response.json()["errors"][0]["extensions"]["classification"]["type"]


def test_a_token_says_how_long_it_lives(make_client):
    with running_sandbox(Behaviour(token_seconds=120)) as sandbox:
        answer = make_client(sandbox.url).token().json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 120)
    assert answer["access_token"]


def test_wrong_credentials_are_refused(make_client):
    with running_sandbox(Behaviour(credentials={"luma": Credential("right")})) as sandbox:
        client = make_client(sandbox.url, with_token=False)
        assert client.token("luma", "wrong").status_code == 401
        assert client.token("other", "right").status_code == 401
        assert client.token("luma", "right").status_code == 200


def test_without_configured_credentials_all_but_empty_ones_are_accepted(make_client):
    with running_sandbox() as sandbox:
        client = make_client(sandbox.url, with_token=False)
        assert client.token("anything", "goes").status_code == 200
        assert client.token("anything", "").status_code == 401
        assert client.http.post("/token", data={"grant_type": "password"}).status_code == 400
        assert client.http.post("/token", json={"grant_type": "client_credentials"}).status_code == 400


def test_a_credential_reaches_its_own_business_product_only(make_client):
    credentials = {"luma": Credential("s", LUMA), "kestrel": Credential("s", KESTREL)}
    with running_sandbox(Behaviour(credentials=credentials)) as sandbox:
        client = make_client(sandbox.url, with_token=False)
        client.token("kestrel", "s")
        assert kind_of(client.task(TASK, LUMA)) == "AccessDeniedError"
        client.token("luma", "s")
        assert client.task(TASK, LUMA).json()["data"]["personalDataDeletionTask"]["status"] == "FAILED"


@pytest.mark.parametrize("expired_as", ["401", "body"])
def test_an_expired_token_is_refused_in_either_way(make_client, expired_as):
    with running_sandbox(Behaviour(token_seconds=0.2, expired_as=expired_as)) as sandbox:
        client = make_client(sandbox.url)
        assert "data" in client.task(TASK, LUMA).json()
        time.sleep(0.25)
        for _ in range(2):
            response = client.task(TASK, LUMA)
            if expired_as == "401":
                assert response.status_code == 401
            else:
                assert (response.status_code, kind_of(response)) == (200, "AccessDeniedError")
                assert response.json()["data"] is None
            client.token_value = "never-issued"


@pytest.mark.parametrize("status", [200, 429])
def test_too_many_requests_are_throttled(make_client, status):
    behaviour = Behaviour(throttle_per_second=4, throttle_status=status, retry_after_seconds=1)
    with running_sandbox(behaviour) as sandbox:
        client = make_client(sandbox.url)
        responses = [client.task(TASK, LUMA) for _ in range(10)]
        refused = [response for response in responses if "errors" in response.json()]
        assert 4 <= len(refused) <= 6
        for response in refused:
            assert (response.status_code, kind_of(response)) == (status, "ThrottlingError")
            assert response.headers["retry-after"] == "1"
            assert response.json()["data"] == {"personalDataDeletionTask": None}
        time.sleep(0.3)
        assert "errors" not in client.task(TASK, LUMA).json()


def test_no_retry_after_unless_asked_for(make_client):
    with running_sandbox(Behaviour(throttle_per_second=1)) as sandbox:
        client = make_client(sandbox.url)
        client.task(TASK, LUMA)
        refused = client.task(TASK, LUMA)
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers


def test_latency_delays_answers(make_client):
    with running_sandbox(Behaviour(latency_ms=80)) as sandbox:
        client = make_client(sandbox.url)
        began = time.monotonic()
        client.task(TASK, LUMA)
        assert time.monotonic() - began >= 0.08


def test_server_faults_take_turns(make_client):
    met = []
    with running_sandbox(Behaviour(error_rate=0.5)) as sandbox:
        client = make_client(sandbox.url)
        for _ in range(2 * len(FAULTS)):
            try:
                response = client.task(TASK, LUMA)
            except httpx.RemoteProtocolError as error:
                met.append("cut" if "incomplete" in str(error) or "complete message" in str(error) else "dropped")
                continue
            body = response.text
            if response.status_code == 500:
                met.append("500")
            elif body.startswith("<html>"):
                met.append("html")
            elif not body:
                met.append("empty")
            else:
                met.append(kind_of(response) if "errors" in response.json() else "fine")
        assert [line["fault"] for line in sandbox.log if line["path"] == "/graphql"][1::2] == list(FAULTS)
    assert met[::2] == ["fine"] * len(FAULTS)
    assert met[1::2] == ["500", "InternalServerError", "html", "empty", "cut", "dropped"]


def test_settings_out_of_range_are_refused():
    for wrong in ({"error_rate": 1.5}, {"latency_ms": -1}, {"token_seconds": -1}):
        with pytest.raises(ValueError, match="error rate"):
            Behaviour(**wrong)


def test_a_secret_is_not_shown():
    assert "hush" not in repr(Behaviour(credentials={"id": Credential("hush")}))


def test_a_clock_passed_in_decides_when_a_token_ends():
    now = [0.0]
    app = create_app(Behaviour(), log=lambda _line: None, monotonic=lambda: now[0])

    async def walk():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as http:
            form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
            token = (await http.post("/token", data=form)).json()["access_token"]
            sent = {"Authorization": f"Bearer {token}", "x-api-target-id": LUMA, "x-api-version": "2024-11-01"}
            statuses = []
            for now[0] in (899.0, 900.0):
                response = await http.post("/graphql", json={"query": "{ __typename }"}, headers=sent)
                statuses.append(response.status_code)
            return statuses

    import asyncio

    assert asyncio.run(walk()) == [200, 401]
