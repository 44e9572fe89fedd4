"""Buy with Prime's API: one polite client that asks why tasks failed, and the answers it gives.

The client holds two read-only queries and nothing that changes anything.
"""

from bwp_client.api.client import BuyWithPrimeClient
from bwp_client.api.lookup import Lookup, LookupState, TaskError, TaskRef, TaskStatus, pause_after

__all__ = ["BuyWithPrimeClient", "Lookup", "LookupState", "TaskError", "TaskRef", "TaskStatus", "pause_after"]
