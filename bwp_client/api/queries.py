"""The two questions we ask Buy with Prime, as GraphQL documents; there is no third, and no mutation.

Neither document selects who the task is about or the link to that person's data: what is never asked for can't leak.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from bwp_client.events import TaskKind

QUERY_FIELDS: Final = {
    TaskKind.DELETION: "personalDataDeletionTask",
    TaskKind.RETRIEVAL: "personalDataRetrievalTask",
}
"""The field of an answer's `data` that holds the task."""


@cache
def document(task_kind: TaskKind) -> str:
    """Give the text of the query that reads one task of a kind."""
    return (files("bwp_client.api") / "documents" / f"{task_kind.value}.graphql").read_text(encoding="utf-8")
