"""Sample events and a local Buy with Prime API, for the first run, tests and demos.

Everything here is written from the public description of the API and imports nothing of the product, so that product and
sandbox can be tested against each other. For the same reason some definitions exist twice, such as kinds, outcomes and
month arithmetic.
"""
