"""Enrichment: asks Buy with Prime about the tasks whose errors are not known, and appends each answer to `lookups`.

Answers are appended in batches, so that a crash loses at most one batch; the run's row publishes them. The next run sees a
stored answer even if it was never published, and does not ask for it again.
"""

from bwp_client.enrich.lookup_writer import EnrichResult
from bwp_client.enrich.options import EnrichOptions, Seams
from bwp_client.enrich.pipeline import EnrichProgress, enrich

__all__ = ["EnrichOptions", "EnrichProgress", "EnrichResult", "Seams", "enrich"]
