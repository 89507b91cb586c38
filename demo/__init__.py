"""Local servers and sample data for the demos and the tests.

Nothing here is part of the product, and the product imports nothing from here.
"""
