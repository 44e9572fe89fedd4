"""`enrich` as a process of its own, with short leases and small batches, for tests that kill it."""

import json
import sys
from datetime import timedelta

from bwp_client.enrich import EnrichOptions, enrich
from bwp_client.settings import Settings
from bwp_client.warehouse import Warehouse


def main(warehouse: str, url: str, lease_seconds: str) -> None:
    api = {
        "endpoint": f"{url}/graphql",
        "token_endpoint": f"{url}/token",
        "credentials": {"*": {"client_id": "any", "client_secret": "the-secret"}},
        "requests_per_second": 200,
        "concurrency": 8,
    }
    options = EnrichOptions(lease=timedelta(seconds=float(lease_seconds)), batch_answers=20)
    result = enrich(Warehouse(warehouse), Settings(api=api), options)
    print(json.dumps(result.as_json()))


if __name__ == "__main__":
    main(*sys.argv[1:])
