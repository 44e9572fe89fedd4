"""The result of verifying a published report, as JSON and as lines for people."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from bwp_client.reports.manifest import DESCRIPTION


class SignatureState(StrEnum):
    """The result of verifying the signature of a manifest."""

    VALID = "valid"
    WRONG = "wrong"
    MISSING = "missing"
    NOT_VERIFIED = "not verified"
    NOT_SIGNED = "not signed"


_SIGNATURE_SENTENCES = {
    SignatureState.VALID: "The signature of the manifest is valid.",
    SignatureState.WRONG: "The signature of the manifest is WRONG: the manifest was changed, or another key signed it.",
    SignatureState.MISSING: "The signature of the manifest is MISSING.",
    SignatureState.NOT_VERIFIED: "The manifest is signed; --public-key verifies the signature.",
    SignatureState.NOT_SIGNED: "The manifest is not signed: whoever changes it and all files that agree with it leaves no "
    "trace here.",
}


@dataclass(slots=True)
class Verification:
    """What is wrong with a published report. Paths are as the manifest spells them."""

    key: str
    files_read: int = 0
    changed: list[str] = field(default_factory=list)
    """Files whose content is not the published content."""
    missing: list[str] = field(default_factory=list)
    """Files that the manifest names and that are not there."""
    foreign: list[str] = field(default_factory=list)
    """Files that are there and that the manifest does not name."""
    leftover: list[str] = field(default_factory=list)
    """Files beside a report on S3, left by an attempt to publish it that was stopped; they are no part of the report."""
    fields: list[str] = field(default_factory=list)
    """Fields of the manifest that were changed, removed or added."""
    differing: list[str] = field(default_factory=list)
    """Files, and fields of the manifest, that differ from what is computed again from the input rows."""
    is_described: bool = True
    """False for a report of an earlier version, which has no `description.json` to compare the fields with."""
    not_computed: str = ""
    """The reason why nothing was computed again; else empty."""
    signature: SignatureState = SignatureState.NOT_SIGNED
    code_differences: list[str] = field(default_factory=list)
    """A phrase for each difference between the code that made the report and this code."""

    @property
    def is_equal(self) -> bool:
        """True if nothing is wrong."""
        return not (
            self.changed
            or self.missing
            or self.foreign
            or self.fields
            or self.differing
            or self.not_computed
            or self.signature in (SignatureState.WRONG, SignatureState.MISSING)
        )

    @property
    def same_code(self) -> bool:
        """True if this code made the report."""
        return not self.code_differences

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `report rebuild --verify` prints."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"same_code": self.same_code, "is_equal": self.is_equal}

    def lines(self) -> list[str]:
        """Return the lines for people, without the results of computing the report again."""
        found = [
            *(f"CHANGED: {item}" for item in self.changed),
            *(f"MISSING: {item}" for item in self.missing),
            *(f"FOREIGN: {item} is not in the manifest" for item in self.foreign),
            *(f"CHANGED: manifest.json: {item}" for item in self.fields),
        ]
        if not found:
            found = [f"{self.files_read:,} files were read: each is the published file, and no other is there."]
        found += [f"Left by a stopped attempt to publish, no part of the report: {item}" for item in self.leftover]
        if not self.is_described:
            found.append(
                f"An earlier version made the report, without {DESCRIPTION}: a changed field of the manifest shows only "
                "where the rows or the files give its value."
            )
        return [*found, _SIGNATURE_SENTENCES[self.signature]]

    def code_lines(self) -> list[str]:
        """Return a line on the code that made the report, if it differs from this code."""
        if self.same_code:
            return []
        differences = "; ".join(self.code_differences)
        return [f"The report was made by other code than this, which alone can change what is computed: {differences}."]

    def as_text(self) -> str:
        """Return the lines that `report rebuild --verify` prints."""
        if self.not_computed:
            computed = [f"Nothing was computed again: {self.not_computed}."]
        else:
            computed = [f"DIFFERS from what the rows give: {item}" for item in self.differing] or [
                "Its statement, figures, row counts and tables were computed again from its rows, and are the same."
            ]
        return "\n  ".join([self.key, *self.lines(), *computed, *self.code_lines()])
