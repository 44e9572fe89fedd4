"""Verifies a published report without rendering it: digests, fields, signature, and its figures from its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bwp_client.errors import UsageError
from bwp_client.reports.published_report import PublishedReport
from bwp_client.reports.verify_files import examine
from bwp_client.reports.verify_result import Verification

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UNREADABLE = "the manifest can't be read"


def verify(report: PublishedReport, key: Ed25519PublicKey | None = None) -> Verification:
    """Verify a report; arguments and errors as for `examine`."""
    result, contents = examine(report, key)
    try:
        manifest = report.manifest
    except UsageError:
        result.not_computed = UNREADABLE
        return result
    from bwp_client.reports.verify_figures import recompute

    recompute(manifest, contents, result)
    return result
