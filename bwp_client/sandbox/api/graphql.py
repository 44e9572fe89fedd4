"""The GraphQL schema of the local API, executed over tasks that are derived from their IDs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    validate,
    visit,
)

from bwp_client.sandbox.api.started_tasks import CancelError, InputError, StartedTask, StartedTasks
from bwp_client.sandbox.sample.catalog import PRODUCT_NAMES, Kind
from bwp_client.sandbox.sample.task import SampleTask, task_from_id

Answer = dict[str, Any]
_Info = GraphQLResolveInfo[Any]

SCHEMA: Final = build_schema((Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8"))

# The exception name and number of each error type of the API. The last two are inferred.
_EXCEPTIONS: Final = {
    "ValidationError": ("ValidationException", 400),
    "AccessDeniedError": ("AccessDeniedException", 403),
    "ResourceNotFoundError": ("ResourceNotFoundException", 404),
    "ThrottlingError": ("ThrottlingException", 429),
    "InternalServerError": ("InternalServerException", 500),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A parsed query text.

    Attributes:
        document: The parsed text; None when the text is invalid.
        errors: Why the text is invalid.
        kind: `query` or `mutation`, of the first operation in the text.
        name: The operation's name; None without a name.
        root_keys: The keys of the answer's `data`.
        fields: The names of all selected fields, at any depth, sorted.
    """

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    kind: str | None
    name: str | None
    root_keys: tuple[str, ...]
    fields: tuple[str, ...]


class _FieldNames(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.names.add(node.name.value)


@lru_cache(maxsize=128)
def read_operation(text: str) -> Operation:
    """Parse and validate a query text; results are cached by the text."""
    try:
        document = parse(text, max_tokens=5_000)
    except GraphQLSyntaxError as error:
        return Operation(None, (error,), None, None, (), ())
    errors = tuple(validate(SCHEMA, document))
    selected = _FieldNames()
    visit(document, selected)
    operation = next((node for node in document.definitions if isinstance(node, OperationDefinitionNode)), None)
    return Operation(
        document=None if errors else document,
        errors=errors,
        kind=operation.operation.value if operation else None,
        name=operation.name.value if operation and operation.name else None,
        root_keys=tuple(_root_keys(operation)),
        fields=tuple(sorted(selected.names)),
    )


def run(
    operation: Operation,
    variables: Mapping[str, Any],
    *,
    target_id: str,
    started_tasks: StartedTasks,
    operation_name: str | None = None,
) -> Answer:
    """Execute a GraphQL request and return its answer.

    Args:
        operation: The parsed text.
        variables: The request's variables.
        target_id: The business product that is asked about (`x-api-target-id`).
        started_tasks: The tasks started here, with the clock that waiting tasks follow.
        operation_name: The name of the operation to execute, if the text has several operations.
    """
    if operation.document is None:
        return {"errors": [_formatted(error) for error in operation.errors], "data": None}
    root = _Root(target_id, started_tasks)
    result = execute_sync(
        SCHEMA,
        operation.document,
        root_value=root,
        variable_values=dict(variables),
        operation_name=operation_name,
    )
    if not result.errors:
        return {"data": result.data}
    answer = {"errors": [_formatted(error) for error in result.errors], "data": result.data}
    denied = classification_of(answer) == "AccessDeniedError"
    if denied and not any((result.data or {}).values()):
        # In the API's description, `data` of a refusal is null, and `data` of other errors has a null field.
        answer["data"] = None
    return answer


def refusal(kind: str, message: str, operation: Operation | None = None) -> Answer:
    """Return the answer to a request that is refused before it is executed.

    Args:
        kind: The error type, such as `ThrottlingError`.
        message: The error message.
        operation: The operation that was sent; None when it is not known.
    """
    keys = operation.root_keys if operation else ()
    error: Answer = {"message": message, "extensions": _extensions(kind, message)}
    if keys:
        error |= {"locations": [{"line": 1, "column": 1}], "path": [keys[0]]}
    return {"errors": [error], "data": None if kind == "AccessDeniedError" or not keys else dict.fromkeys(keys)}


def classification_of(answer: Answer) -> str | None:
    """Return the type of the first error in an answer; None without errors."""
    for error in answer.get("errors", ()):
        return str(error["extensions"]["classification"]["type"])
    return None


class _Root:
    """Resolves the root fields; the methods have the schema's names."""

    def __init__(self, target_id: str, started_tasks: StartedTasks) -> None:
        self._target_id = target_id
        self._started_tasks = started_tasks

    def personalDataDeletionTask(self, _info: _Info, taskId: str) -> Answer:  # noqa: N802, N803 - the schema's
        task = self._task(taskId, Kind.DELETION)
        return _common(task) | {"holdingPeriod": task.holding_period_days}

    def personalDataRetrievalTask(self, _info: _Info, taskId: str) -> Answer:  # noqa: N802, N803 - the schema's
        task = self._task(taskId, Kind.RETRIEVAL)
        link = (
            f"https://downloads.invalid/canary-{task.number}?signature=canary" if task.status == "COMPLETED" else None
        )
        return _common(task) | {"dataRetrievalLink": link}

    def startPersonalDataDeletionTask(self, _info: _Info, input: Answer) -> Answer:  # noqa: A002, N802 - the schema's
        self._reach_product()
        try:
            task_id = self._started_tasks.start_deletion(
                self._target_id,
                input["dataSubject"]["email"],
                input.get("holdingPeriod"),
                (input.get("clientToken") or {}).get("token"),
            )
        except InputError as error:
            message = f"Input is not valid: [/startPersonalDataDeletionTask{error}]"
            raise _error("ValidationError", message) from error
        return {"taskId": task_id}

    def startPersonalDataRetrievalTask(self, _info: _Info, **_arguments: Any) -> None:  # noqa: N802 - the schema's
        raise _not_served()

    def cancelPersonalDataDeletionTask(self, _info: _Info, taskId: str) -> Answer:  # noqa: N802, N803 - the schema's
        self._task(taskId, Kind.DELETION)
        try:
            self._started_tasks.cancel(taskId)
        except CancelError as error:
            refusal = _error("ValidationError", str(error))
            refusal.extensions = _extensions("ValidationError", str(error), "CannotCancelPersonalDataDeletionTask")
            raise refusal from error
        return {"taskId": taskId}

    def _task(self, task_id: str, kind: Kind) -> SampleTask:
        self._reach_product()
        started = self._started_tasks.find(task_id)
        task = (
            _as_answered(started, self._started_tasks)
            if started
            else task_from_id(task_id, now=self._started_tasks.now())
        )
        if task is None or task.kind is not kind:
            raise _error("ResourceNotFoundError", "No such task.")
        if task.product.business_product_id != self._target_id:
            raise _error("AccessDeniedError", "The task belongs to another business product.")
        return task

    def _reach_product(self) -> None:
        if self._target_id not in PRODUCT_NAMES:
            raise _error("AccessDeniedError", "These credentials do not reach the business product asked for.")


def _as_answered(started: StartedTask, started_tasks: StartedTasks) -> SampleTask | None:
    return None if started.is_cancelled else started.as_answered(started_tasks.now())


def _common(task: SampleTask) -> Answer:
    return {
        "taskId": task.task_id,
        "status": task.status,
        "submissionDate": _text(task.submitted_at),
        "lastUpdatedDate": _text(task.updated_at),
        "dataSubject": {"type": "SHOPPER", "email": task.email},
        "errors": None
        if task.errors is None or task.status == "ON_HOLD"
        else [{"code": error.code, "message": error.message} for error in task.errors],
    }


def _root_keys(operation: OperationDefinitionNode | None) -> list[str]:
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)] if operation else []
    return [node.alias.value if node.alias else node.name.value for node in fields]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _error(kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions=_extensions(kind, message))


def _not_served() -> GraphQLError:
    return _error("ValidationError", "Mutations are not served here.")


def _formatted(error: GraphQLError) -> Answer:
    if not error.extensions:
        # The GraphQL engine raised the error for a wrong query or variable, unless a resolver failed.
        is_fault = error.original_error is not None and not isinstance(error.original_error, GraphQLError)
        error.extensions = _extensions("InternalServerError" if is_fault else "ValidationError", error.message)
    return dict(error.formatted)


def _extensions(kind: str, message: str, code: str = "UnspecifiedError") -> Answer:
    error_type, error_code = _EXCEPTIONS[kind]
    classification: Answer = {"type": kind, "errorType": error_type, "errorCode": error_code}
    if kind == "ValidationError":
        classification |= {"code": code, "details": {"message": message}}
    if kind == "InternalServerError":
        classification = {"type": kind}  # the only documented key
    return {"classification": classification}
