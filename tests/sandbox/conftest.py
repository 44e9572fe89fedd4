"""A sample read with the standard library alone, and a client for the local API."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from bwp_client.sandbox.sample.writer import SampleSummary, write_sample

UNTIL = date(2026, 3, 31)
PRIVACY = {
    f"PERSONAL_DATA_{kind}_TASK_{outcome}" for kind in ("DELETION", "RETRIEVAL") for outcome in ("COMPLETED", "FAILED")
}


@dataclass
class Sample:
    folder: Path
    summary: SampleSummary
    events: list[dict[str, Any]] = field(default_factory=list)  # proper ones, in order of the files
    broken: list[str] = field(default_factory=list)

    def privacy(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["detail-type"] in PRIVACY]


def raw_texts(path: Path) -> Iterator[str]:
    """Return the texts of a file's records, read according to its wire form."""
    if path.name.endswith(".gz"):
        yield from gzip.decompress(path.read_bytes()).decode().splitlines()
        return
    text = path.read_text()
    if text.startswith("["):
        yield from (json.dumps(event) for event in json.loads(text))
        return
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        event, position = decoder.raw_decode(text, position)
        yield json.dumps(event)


def is_proper(event: Any) -> bool:
    """Tell an event from a malformed record by the envelope's description alone."""
    if not isinstance(event, dict) or not all(
        isinstance(event.get(name), str) for name in ("id", "detail-type", "time")
    ):
        return False
    resources = event.get("resources")
    if not event["time"].endswith("Z") or not isinstance(resources, list) or not resources:
        return False
    parts = resources[0].split("/")
    return len(parts) % 2 == 0 and (event["detail-type"] not in PRIVACY or any(part.endswith("Task") for part in parts))


def read_back(folder: Path, summary: SampleSummary) -> Sample:
    sample = Sample(folder, summary)
    for path in sorted(folder.iterdir()):
        for text in raw_texts(path):
            try:
                event = json.loads(text)
            except ValueError:
                event = None
            if is_proper(event):
                sample.events.append(event)
            else:
                sample.broken.append(text)
    return sample


@pytest.fixture
def read_sample() -> Callable[[Path, SampleSummary], Sample]:
    return read_back


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    return read_back(folder, write_sample(folder, events=40_000, seed=11, until=UNTIL))


class Client:
    """A client that calls the local API as its description says."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url)
        self.token_value = ""

    def token(self, client_id: str = "id", client_secret: str = "secret") -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        response = self.http.post("/token", data=form)
        if response.status_code == 200:
            self.token_value = response.json()["access_token"]
        return response

    def ask(self, query: str, target: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token_value}", "x-api-target-id": target, "x-api-version": "2024-11-01"}
        body = {"query": query, "variables": variables or {}}
        return self.http.post("/graphql", json=body, headers=sent | headers)

    def task(self, task_id: str, target: str, **headers: str) -> httpx.Response:
        return self.ask(DELETION, target, {"id": task_id}, **headers)


DELETION = """query TaskErrors($id: String!) {
  personalDataDeletionTask(taskId: $id) {
    taskId status submissionDate lastUpdatedDate holdingPeriod errors { code message }
  }
}"""
RETRIEVAL = """query RetrievalErrors($id: String!) {
  personalDataRetrievalTask(taskId: $id) { taskId status submissionDate lastUpdatedDate errors { code message } }
}"""


@pytest.fixture
def make_client() -> Iterator[Any]:
    clients: list[Client] = []

    def make(url: str, *, with_token: bool = True) -> Client:
        clients.append(Client(url))
        if with_token:
            assert clients[-1].token().status_code == 200
        return clients[-1]

    yield make
    for client in clients:
        client.http.close()


@pytest.fixture
def queries() -> dict[str, str]:
    return {"personalDataDeletionTask": DELETION, "personalDataRetrievalTask": RETRIEVAL}
