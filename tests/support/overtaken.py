"""A warehouse in which another writer commits at a chosen moment, once."""

from collections.abc import Callable

from deltalake import DeltaTable

from bwp_client.warehouse import TableName, Warehouse


class Overtaken(Warehouse):
    """Lets another writer commit once, right after a table was opened here."""

    def __init__(self, uri: str, table: TableName, other: Callable[[], object], *, at: int = 1) -> None:
        """Take the address, the table, what the other writer does, and the number of the opening."""
        super().__init__(uri)
        self._table = table
        self._other = other
        self._at = at
        self.versions_opened: list[int] = []

    def handle(self, table: TableName, version: int | None = None) -> DeltaTable:
        opened = super().handle(table, version)
        if table is self._table and version is None:
            self.versions_opened.append(opened.version())
            if len(self.versions_opened) == self._at:
                self._other()
        return opened
