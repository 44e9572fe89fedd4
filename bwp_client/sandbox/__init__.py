"""Sample events and a local Buy with Prime API, for the first run, tests and demos.

Everything here is written from the public description of the API and shares no code with the product, so that a test
against it is a test against something independent.
"""
