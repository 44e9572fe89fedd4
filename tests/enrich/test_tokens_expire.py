"""Runs in which tokens live for two seconds."""

import time
from collections import Counter

import pytest
from pydantic import SecretStr
from support.sandbox import running_sandbox

from bwp_client.sandbox.api.behaviour import Behaviour, Credential
from bwp_client.settings import ApiCredential

LIFE_SECONDS = 2.0
USED_SECONDS = LIFE_SECONDS * 0.9  # a token is renewed when a tenth of its life is left


@pytest.mark.parametrize("expired_as", ["401", "body"])
def test_tokens_that_expire_every_two_seconds_fail_no_lookup_and_are_renewed_once_each(sample_shop, expired_as):
    products = [row[0] for row in sample_shop.query("select distinct business_product_id from outcomes order by 1")]
    known = {f"client-{n}": Credential("s", product) for n, product in enumerate(products)}
    credentials = {
        product: ApiCredential(client_id=f"client-{n}", client_secret=SecretStr("s"))
        for n, product in enumerate(products)
    }
    behaviour = Behaviour(token_seconds=LIFE_SECONDS, expired_as=expired_as, credentials=known, latency_ms=10)
    with running_sandbox(behaviour) as sandbox:
        began = time.monotonic()
        result = sample_shop.enrich(sandbox.url, credentials=credentials, requests_per_second=25.0)
        seconds = time.monotonic() - began
        tokens = Counter(line["client_id"] for line in sandbox.log if line["path"] == "/token")
    assert (result.found, result.failed, result.denied) == (result.asked, 0, 0)
    assert result.not_asked == 0
    assert seconds > 2 * LIFE_SECONDS  # or none expired
    assert max(tokens.values()) >= 3
    # An upper bound that holds however busy the machine is: a token is renewed no sooner than its time is up.
    assert max(tokens.values()) <= 1 + seconds / USED_SECONDS
