"""The local API answers as the description of the real API says, over a real socket."""

import json
import re
import time
from datetime import UTC, date, datetime

import pytest
from support.sandbox import running_sandbox

from bwp_client.sandbox.api.graphql import SCHEMA, read_operation, run
from bwp_client.sandbox.api.started_tasks import StartedTasks
from bwp_client.sandbox.sample.catalog import PRODUCTS, Kind, Lifecycle
from bwp_client.sandbox.sample.task_ids import EPOCH_2020, TaskFields, encode
from bwp_client.sandbox.sample.writer import waiting_task_ids

AT = EPOCH_2020 + 200_000_000
HARBOR, LUMA = PRODUCTS[0].business_product_id, PRODUCTS[1].business_product_id
PERSONAL = "query Nosy($id: String!) { personalDataDeletionTask(taskId: $id) { dataSubject { type email } } }"


def made(lifecycle=Lifecycle.FAILED, kind=Kind.DELETION, code_set=0, product=1):
    return encode(TaskFields(7, kind, product, lifecycle, code_set, 42, AT))


def classification(response):
    (error,) = response.json()["errors"]
    return error["extensions"]["classification"]


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox, make_client):
    return make_client(sandbox.url)


def test_health(sandbox, make_client):
    response = make_client(sandbox.url, with_token=False).http.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_every_failed_event_s_task_answers_failed_with_errors(sample, client, queries):
    latest = {}
    for event in sample.privacy():
        _, product, resource, task_id = event["resources"][0].split("/")
        entry = (event["time"], event["detail-type"].endswith("FAILED"), resource, product)
        latest[task_id] = max(latest.get(task_id, entry), entry)
    failed = {task_id: entry for task_id, entry in latest.items() if entry[1]}
    assert len(failed) == sample.summary.failed > 500
    for task_id, (at, _, resource, product) in failed.items():
        answer = client.ask(queries[resource], product, {"id": task_id}).json()
        task = answer["data"][resource]
        assert "errors" not in answer
        assert (task["taskId"], task["status"]) == (task_id, "FAILED")
        assert task["errors"]
        assert all(error["message"] for error in task["errors"])
        assert task["submissionDate"] < task["lastUpdatedDate"] < at


def test_dates_have_microseconds_and_a_z(client):
    task = client.task(made(), LUMA).json()["data"]["personalDataDeletionTask"]
    for name in ("submissionDate", "lastUpdatedDate"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", task[name])


def test_a_completed_task_has_an_empty_list_of_errors(client):
    task = client.task(made(Lifecycle.COMPLETED), LUMA).json()["data"]["personalDataDeletionTask"]
    assert (task["status"], task["errors"]) == ("COMPLETED", [])


@pytest.mark.parametrize(
    ("code_set", "codes"),
    [
        (0, ["ORDERS_NOT_CLOSED"]),
        (2, [None]),
        (10, ["ORDERS_NOT_CLOSED", "DATA_SUBJECT_NOT_FOUND", None]),
        (11, []),
        (12, None),
    ],
)
def test_a_failed_task_can_have_several_none_or_null_errors(client, code_set, codes):
    errors = client.task(made(code_set=code_set), LUMA).json()["data"]["personalDataDeletionTask"]["errors"]
    assert (None if errors is None else [error["code"] for error in errors]) == codes


def test_conflicting_tasks_answer_their_latest_outcome(client):
    for lifecycle, status in (
        (Lifecycle.FAILED_THEN_COMPLETED, "COMPLETED"),
        (Lifecycle.COMPLETED_THEN_FAILED, "FAILED"),
    ):
        assert client.task(made(lifecycle), LUMA).json()["data"]["personalDataDeletionTask"]["status"] == status


def test_a_waiting_task_is_on_hold_with_null_errors(client):
    (task_id,) = waiting_task_ids(1, seed=1, until=date(2050, 1, 1))
    task = client.task(task_id, HARBOR).json()["data"]["personalDataDeletionTask"]
    assert (task["status"], task["errors"]) == ("ON_HOLD", None)


def test_an_unknown_task_is_a_resource_not_found(client):
    response = client.task("7e1b2c90-5a3d-4f6e-8b1a-0d2c4e6f8a01", LUMA)
    assert response.status_code == 200
    assert response.json()["data"] == {"personalDataDeletionTask": None}
    assert response.json()["errors"][0]["path"] == ["personalDataDeletionTask"]
    assert classification(response) == {
        "type": "ResourceNotFoundError",
        "errorType": "ResourceNotFoundException",
        "errorCode": 404,
    }


def test_the_other_kind_of_task_is_not_found(client):
    assert classification(client.task(made(kind=Kind.RETRIEVAL), LUMA))["type"] == "ResourceNotFoundError"


@pytest.mark.parametrize("target", [HARBOR, "bp-00000000-0000-4000-8000-000000000000"])
def test_a_wrong_target_is_denied_with_null_data(client, target):
    response = client.task(made(), target)
    assert response.status_code == 200
    assert response.json()["data"] is None
    assert classification(response) == {
        "type": "AccessDeniedError",
        "errorType": "AccessDeniedException",
        "errorCode": 403,
    }


def test_in_a_batch_some_tasks_fail_and_others_answer(client):
    parts = [f't{n}: personalDataDeletionTask(taskId: "{task}") {{ status }}' for n, task in enumerate((made(), "x"))]
    query = "{" + " ".join(parts) + "}"
    answer = client.ask(query, LUMA).json()
    assert answer["data"] == {"t0": {"status": "FAILED"}, "t1": None}
    assert [error["path"] for error in answer["errors"]] == [["t1"]]


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nope }",
        "query Q($id: String!) { personalDataDeletionTask(taskId: $id) { taskId } }",
        "{ personalDataDeletionTask { taskId } }",
    ],
)
def test_a_wrong_query_is_a_validation_error(client, query):
    response = client.ask(query, LUMA)
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["classification"]["type"] == "ValidationError"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"query": 5}', b'{"query": "{ __typename }", "variables": []}', b"[" * 100_000]
)
def test_a_wrong_body_is_a_validation_error(client, body):
    sent = {
        "Authorization": f"Bearer {client.token_value}",
        "x-api-target-id": LUMA,
        "x-api-version": "2024-11-01",
        "Content-Type": "application/json",
    }
    assert classification(client.http.post("/graphql", content=body, headers=sent))["errorCode"] == 400


def test_starting_a_retrieval_is_known_but_not_served(client, sandbox):
    call = 'startPersonalDataRetrievalTask(input: {dataSubject: {type: SHOPPER, email: "a@b.invalid"}})'
    mutation = f"mutation {{ {call} {{ taskId }} }}"
    response = client.ask(mutation, LUMA)
    assert list(response.json()["data"].values()) == [None]
    assert "not served here" in response.json()["errors"][0]["message"]
    assert sandbox.log[-1]["kind"] == "mutation"


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"x-api-version": ""}, 400, "ValidationError"),
        ({"x-api-version": "1999-01-01"}, 400, "ValidationError"),
        ({"Content-Type": "text/plain"}, 415, "ValidationError"),
        ({"x-api-target-id": ""}, 200, "AccessDeniedError"),
    ],
)
def test_the_documented_headers_are_required(client, headers, status, kind):
    response = client.task(made(), LUMA, **headers)
    assert (response.status_code, classification(response)["type"]) == (status, kind)


def test_the_canary_is_sent_when_selected_and_the_log_shows_it(client, sandbox):
    answer = client.ask(PERSONAL, LUMA, {"id": made()}).json()
    assert answer["data"]["personalDataDeletionTask"]["dataSubject"] == {
        "type": "SHOPPER",
        "email": "canary-42@shopper.invalid",
    }
    assert "email" in sandbox.log[-1]["fields"]


def test_the_log_names_the_selected_fields_and_no_secret(client, sandbox):
    client.token("the-client-id", "the-client-secret")
    client.task(made(), LUMA)
    line = sandbox.log[-1]
    assert (line["path"], line["operation"], line["kind"], line["target_id"]) == (
        "/graphql",
        "TaskErrors",
        "query",
        LUMA,
    )
    task_fields = ["taskId", "status", "submissionDate", "lastUpdatedDate", "holdingPeriod", "errors"]
    assert line["fields"] == sorted(["personalDataDeletionTask", *task_fields, "code", "message"])
    assert (line["status"], line["classification"], line["fault"]) == (200, None, None)
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    text = json.dumps(sandbox.log)
    assert client.token_value not in text
    assert "the-client-secret" not in text
    assert "@" not in text


def test_the_retrieval_link_is_a_canary_too(client):
    query = "query R($id: String!) { personalDataRetrievalTask(taskId: $id) { dataRetrievalLink } }"
    answer = client.ask(query, LUMA, {"id": made(Lifecycle.COMPLETED, Kind.RETRIEVAL)}).json()
    assert "canary-42" in answer["data"]["personalDataRetrievalTask"]["dataRetrievalLink"]


def test_the_schema_has_the_documented_types():
    fields = {name: {field: str(what.type) for field, what in SCHEMA.type_map[name].fields.items()} for name in (
        "PersonalDataDeletionTask", "PersonalDataRetrievalTask", "DataSubject", "PersonalDataTaskError",
    )}  # fmt: skip
    common = {
        "taskId": "ID!",
        "status": "String!",
        "submissionDate": "String!",
        "lastUpdatedDate": "String!",
        "dataSubject": "DataSubject!",
        "errors": "[PersonalDataTaskError]",
    }
    assert fields == {
        "PersonalDataDeletionTask": common | {"holdingPeriod": "Int"},
        "PersonalDataRetrievalTask": common | {"dataRetrievalLink": "String"},
        "DataSubject": {"type": "String!", "email": "String"},
        "PersonalDataTaskError": {"code": "String", "message": "String!"},
    }


def test_a_lookup_costs_less_than_a_millisecond_of_work(queries):
    query, now = queries["personalDataDeletionTask"], datetime.now(UTC)
    began, rounds = time.process_time(), 300
    for _ in range(rounds):
        run(read_operation(query), {"id": made()}, target_id=LUMA, started_tasks=StartedTasks(lambda: now))
    # Ten times what it takes on a slow machine: this guards the remembered documents, it is no benchmark.
    assert (time.process_time() - began) / rounds < 0.005
