import subprocess
import sys
from pathlib import Path

import pytest
from graphql import FieldNode, OperationDefinitionNode, OperationType, Visitor, build_schema, parse, validate, visit

from bwp_client.api.queries import QUERY_FIELDS, document
from bwp_client.events import TaskKind

SCHEMA = build_schema((Path(__file__).parent / "schema.graphql").read_text())
ROOM = Path(__file__).parents[2] / "bwp_client" / "api"


class Fields(Visitor):
    def __init__(self):
        super().__init__()
        self.names = []

    def enter_field(self, node: FieldNode, *_):
        self.names.append(node.name.value)


@pytest.mark.parametrize("kind", TaskKind)
def test_each_document_is_one_valid_query_for_its_field(kind):
    parsed = parse(document(kind))
    assert validate(SCHEMA, parsed) == []
    [operation] = parsed.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.operation is OperationType.QUERY
    [root] = operation.selection_set.selections
    assert root.name.value == QUERY_FIELDS[kind]


@pytest.mark.parametrize("kind", TaskKind)
def test_no_document_selects_personal_data(kind):
    fields = Fields()
    visit(parse(document(kind)), fields)
    assert {"taskId", "status", "submissionDate", "lastUpdatedDate", "errors", "code", "message"} <= set(fields.names)
    assert not {"dataSubject", "email", "dataRetrievalLink", "__schema", "__type"} & set(fields.names)
    assert ("holdingPeriod" in fields.names) == (kind is TaskKind.DELETION)


def test_the_package_holds_no_other_document_and_no_mutation():
    assert {path.name for path in ROOM.rglob("*.graphql")} == {f"{kind}.graphql" for kind in TaskKind}
    for path in ROOM.rglob("*.*"):
        if path.suffix in {".py", ".graphql"}:
            text = path.read_text()
            for word in ("startPersonalData", "cancelPersonalData", "dataRetrievalLink", "dataSubject", "mutation {"):
                assert word not in text, (path, word)


def test_importing_the_package_imports_no_graphql_library():
    code = "import bwp_client.api, sys; print([m for m in ('gql', 'httpx', 'graphql') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
