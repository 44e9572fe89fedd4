"""Enrichment: ask Buy with Prime about the tasks whose errors we don't know, and append each answer to `lookups`.

Answers are appended in batches, so that a crash loses at most the batch in flight; the run's row publishes them. A stored
answer is seen by the next run even if its run was never published, and is not asked for again.
"""

from bwp_client.enrich.lookup_writer import EnrichResult
from bwp_client.enrich.pipeline import EnrichProgress, enrich

__all__ = ["EnrichProgress", "EnrichResult", "enrich"]
