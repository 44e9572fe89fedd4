import pytest

from bwp_client.api.classify import AnswerKind, Classification
from bwp_client.api.lookup import LookupState
from bwp_client.api.retry_policy import MAX_ATTEMPTS, RetryableAnswerError, RetryBudget, RetryPolicy


def failure(attempt: int, retry_after_seconds: float | None = None) -> RetryableAnswerError:
    answer = Classification(
        AnswerKind.THROTTLED, LookupState.FAILED, "reason", ask_again=True, retry_after_seconds=retry_after_seconds
    )
    return RetryableAnswerError(answer, attempt)


def test_retries_are_bounded_and_earned_back():
    budget = RetryBudget(tokens=2, earned_per_answer=0.5)
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
    budget.earn()
    assert not budget.take()
    budget.earn()
    assert budget.take()


def test_the_backoff_is_full_jitter_on_top_of_retry_after():
    policy = RetryPolicy(RetryBudget(), jitter=lambda _low, high: high)
    assert [policy.backoff(failure(attempt)) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert RetryPolicy(RetryBudget(), jitter=lambda _low, _high: 0.25).backoff(failure(1, 7.0)) == 7.25


@pytest.mark.parametrize(
    "error",
    [failure(MAX_ATTEMPTS), ValueError("anything else")],
    ids=["the last attempt", "another error"],
)
def test_an_error_that_is_not_retried_costs_no_budget(error):
    budget = RetryBudget(tokens=1)
    assert RetryPolicy(budget, jitter=lambda _low, _high: 0.0).backoff(error) is False
    assert budget.take()


def test_without_budget_there_is_no_retry():
    assert RetryPolicy(RetryBudget(tokens=0), jitter=lambda _low, _high: 0.0).backoff(failure(1)) is False
