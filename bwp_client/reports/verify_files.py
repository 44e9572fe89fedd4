"""Examines a published report without computing anything: every file, every field of the manifest, and the signature."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from bwp_client.errors import SourceNotFoundError, UsageError, WarehouseError
from bwp_client.reports.code_identity import MODULES, code_differences
from bwp_client.reports.manifest import DESCRIPTION, FILES, SIGNATURE, FileEntry, Manifest, json_bytes, relative_path
from bwp_client.reports.published_report import PublishedReport
from bwp_client.reports.verify_result import SignatureState, Verification

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ENTRY_FIELDS = {item.name for item in fields(FileEntry)}
_REPORT_FIELDS = {"key", "question", FILES}
_MAX_NAME = 120
_ABSENT = object()


def examine(report: PublishedReport, key: Ed25519PublicKey | None = None) -> tuple[Verification, dict[str, bytes]]:
    """Compare the files of a report with its manifest, and the fields of the manifest with their copy.

    Args:
        report: The report.
        key: The public key of whoever publishes reports; without a key a signature is not verified.

    Returns:
        What is wrong, and the content of each file that is the published one by its path.

    Raises:
        UsageError: The manifest is not one of a report at all.
        WarehouseError, RemoteError: The local disk or S3 refused or failed.
    """
    value = _object(report)
    result = Verification(str(value.get("key"))[:_MAX_NAME])
    contents = _compare_files(report, value, result)
    _compare_fields(report, value, contents, result)
    result.signature = _signature_state(report, value, key)
    if isinstance(value.get("code"), dict):
        result.code_differences = code_differences(value["code"])
    result.fields = [_shortened(name) for name in dict.fromkeys(result.fields)]
    return result, contents


def changed_fields(report: PublishedReport) -> list[str]:
    """Return the names of the fields of the manifest that were changed; reads no file but the description.

    Raises:
        UsageError: The manifest is not one of a report at all.
        WarehouseError, RemoteError: The local disk or S3 refused or failed.
    """
    result = Verification("")
    _compare_fields(report, _object(report), {}, result)
    return [_shortened(name) for name in dict.fromkeys(result.fields)]


def _object(report: PublishedReport) -> dict[str, Any]:
    """Return the JSON object of the manifest."""
    try:
        value = json.loads(report.text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not _REPORT_FIELDS & value.keys():
        report.manifest  # noqa: B018 - raises the error that says so
        raise UsageError(f"{report.folder.address} holds no manifest of a report. Nothing was changed.")
    return value


def _compare_files(report: PublishedReport, value: dict[str, Any], result: Verification) -> dict[str, bytes]:
    """Compare the files with the entries of the manifest; return the contents of the unchanged files."""
    contents: dict[str, bytes] = {}
    entries = value.get(FILES)
    entries = entries if isinstance(entries, dict) else {}
    for path, entry in entries.items():
        try:
            content = report.read_unverified(relative_path(path))
        except ValueError as error:
            result.fields.append(f"{FILES}.{path}: {error}")
            continue
        except SourceNotFoundError:
            result.missing.append(_shortened(path))
            continue
        except (UsageError, WarehouseError) as error:
            result.changed.append(f"{_shortened(path)} ({error})")
            continue
        result.files_read += 1
        wanted = entry if isinstance(entry, dict) else {}
        actual = FileEntry.of(content)
        if wanted.get("sha256") != actual.sha256:
            result.changed.append(_shortened(path))
        else:
            contents[path] = content
        result.fields += [f"{FILES}.{path}.{name}" for name in wanted.keys() - _ENTRY_FIELDS]
        if path in contents and not _is_same(wanted.get("size_bytes"), actual.size_bytes):
            result.fields.append(f"{FILES}.{path}.size_bytes")
    result.fields += [f"{FILES}.{path}.rows" for path in _wrong_row_counts(entries, contents)]
    paths = Counter(report.paths)
    allowed = {*entries, *([SIGNATURE] if value.get("signed_by") else [])}
    result.foreign = [_shortened(path) for path in paths if path not in allowed]
    result.foreign += [f"{_shortened(path)} (a second file of this name)" for path in paths if paths[path] > 1]
    result.foreign += [_shortened(path) for path in report.foreign_elsewhere]
    result.leftover = report.leftover
    return contents


def _wrong_row_counts(entries: dict[str, Any], contents: dict[str, bytes]) -> Iterator[str]:
    """Yield the path of each file whose entry has another number of rows than the table in the file."""
    counts = {path: _row_count(content) for path, content in contents.items() if path.endswith(".parquet")}
    for path in contents:
        is_table = path.startswith(("inputs/", "tables/"))
        expected = counts.get(path.removesuffix(".csv") + ".parquet" if path.endswith(".csv") else path)
        stated = entries[path].get("rows", _ABSENT)
        if not _is_same(stated, expected if is_table and expected is not None else _ABSENT):
            yield path


def _row_count(content: bytes) -> int | None:
    try:
        return int(pq.read_metadata(io.BytesIO(content)).num_rows)
    except (pa.ArrowException, OSError):
        return None


def _compare_fields(
    report: PublishedReport, value: dict[str, Any], contents: dict[str, bytes], result: Verification
) -> None:
    """Compare the fields of the manifest with the description, and with what a manifest may hold."""
    stated = {name: item for name, item in value.items() if name != FILES}
    if json_bytes(value) != report.text:
        result.fields.append("the text is not in the form in which manifests are written")
    if not report.is_digest_of_manifest:
        result.fields.append("its digest is not the name of the folder of its files")
    described = _description(report, contents)
    code = value.get("code")
    result.is_described = described is not None
    if described is not None:
        result.fields += differences(stated, described)
    elif isinstance(code, dict) and MODULES in code and DESCRIPTION not in result.missing:
        result.fields.append(f"{FILES}.{DESCRIPTION}")
    try:
        manifest = Manifest.from_bytes(report.text)
    except UsageError as error:
        result.fields.append(f"can't be read: {error.__cause__!r}")
        return
    understood = manifest.as_json()
    # The name of the report is derived from the question, in another way by earlier versions.
    result.fields += [name for name in differences(stated, understood, is_one_way=True) if name != "report"]


def _description(report: PublishedReport, contents: dict[str, bytes]) -> dict[str, Any] | None:
    try:
        text = contents.get(DESCRIPTION) or report.read_unverified(DESCRIPTION)
        described = json.loads(text)
    except (UsageError, WarehouseError, ValueError, RecursionError):
        return None
    return described if isinstance(described, dict) else None


def differences(stated: Any, expected: Any, name: str = "", *, is_one_way: bool = False) -> Iterator[str]:
    """Yield the name of each field, down to the leaves, that differs between two JSON values.

    Args:
        stated: The value in the manifest.
        expected: The value to compare it with.
        name: The name of the field that holds the values; empty for the whole manifest.
        is_one_way: Leave out the fields that only the expected value has.
    """
    if isinstance(stated, dict) and isinstance(expected, dict):
        for key in sorted(stated.keys() if is_one_way else stated.keys() | expected.keys()):
            below = f"{name}.{key}" if name else key
            a, b = stated.get(key, _ABSENT), expected.get(key, _ABSENT)
            yield from differences(a, b, below, is_one_way=is_one_way)
    elif isinstance(stated, list) and isinstance(expected, list):
        for index in range(max(len(stated), len(expected))):
            a, b = (values[index] if index < len(values) else _ABSENT for values in (stated, expected))
            yield from differences(a, b, f"{name}[{index}]", is_one_way=is_one_way)
    elif not _is_same(stated, expected):
        yield name


def _is_same(a: Any, b: Any) -> bool:
    """Return whether two JSON values are the same; unlike in Python, 1 is neither 1.0 nor true."""
    if a is _ABSENT or b is _ABSENT:
        return a is b
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _signature_state(report: PublishedReport, value: dict[str, Any], key: Ed25519PublicKey | None) -> SignatureState:
    signature = report.signature()
    if signature is None:
        return SignatureState.MISSING if key or value.get("signed_by") else SignatureState.NOT_SIGNED
    if key is None:
        return SignatureState.NOT_VERIFIED
    from bwp_client.reports.signing import is_signed_by

    return SignatureState.VALID if is_signed_by(key, signature, report.text) else SignatureState.WRONG


def _shortened(name: str) -> str:
    """Return a name from outside as one line without control characters, shortened if it is long."""
    shown = name if name.isprintable() else ascii(name)[1:-1]
    return shown if len(shown) <= _MAX_NAME else f"{shown[:_MAX_NAME]}…"
