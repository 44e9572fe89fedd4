"""The two GraphQL queries that this product sends to Buy with Prime; there is no third, and no mutation.

Neither query selects the person that a task is about, nor the link to that person's data: they can't leak.
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
    """Return the text of the query that reads one task of a kind."""
    return (files("bwp_client.api") / "documents" / f"{task_kind.value}.graphql").read_text(encoding="utf-8")
