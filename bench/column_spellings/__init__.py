"""The ways in which people write values, each with the true value: what `bench.suggest_accuracy` writes into files.

The spellings come from Babel (CLDR), Faker and the number formats of openpyxl, never from the code that is judged.
"""
