"""Helpers of the tests; they share no parsing or counting with the product."""
