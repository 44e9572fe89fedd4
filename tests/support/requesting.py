"""A shop that starts and cancels deletion requests at the local API, and winds its clock."""

from datetime import datetime
from typing import Any

import httpx

START = """mutation Start($input: StartPersonalDataDeletionTaskInput!) {
  startPersonalDataDeletionTask(input: $input) { taskId }
}"""
CANCEL = "mutation Cancel($id: String!) { cancelPersonalDataDeletionTask(taskId: $id) { taskId } }"
TASK = """query Task($id: String!) {
  personalDataDeletionTask(taskId: $id) { status submissionDate lastUpdatedDate holdingPeriod errors { code message } }
}"""
HARBOR = "bp-2f6d1c84-9b0e-4a57-8c31-5e7a90d4b612"


class Shop:
    """Talks GraphQL as the API's description says."""

    def __init__(self, url: str, product: str = HARBOR) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        form = {"grant_type": "client_credentials", "client_id": "shop", "client_secret": "secret"}
        token = self.http.post("/token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "x-api-target-id": product, "x-api-version": "2024-11-01"}
        self.http.headers.update(headers)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.post("/graphql", json={"query": query, "variables": variables}).json()
        return answer

    def try_start(self, email: str, **more: Any) -> dict[str, Any]:
        return self.ask(START, input={"dataSubject": {"type": "SHOPPER", "email": email}} | more)

    def start(self, email: str, **more: Any) -> str:
        return str(self.try_start(email, **more)["data"]["startPersonalDataDeletionTask"]["taskId"])

    def task(self, task_id: str) -> Any:
        return self.ask(TASK, id=task_id)["data"]["personalDataDeletionTask"]

    def set_clock(self, moment: datetime) -> dict[str, Any]:
        return self._clock(now=moment.isoformat())

    def forward(self, days: float) -> dict[str, Any]:
        return self._clock(forward_days=days)

    def _clock(self, **sent: Any) -> dict[str, Any]:
        answer = self.http.post("/clock", json=sent)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def refusal(answer: dict[str, Any]) -> tuple[str, str, str]:
    """Give (type, code, message) of an answer's first error."""
    error = answer["errors"][0]
    classification = error["extensions"]["classification"]
    return classification["type"], classification.get("code", ""), error["message"]
