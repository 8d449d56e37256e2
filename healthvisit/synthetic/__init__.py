"""Invented children for demonstration, tests and load: no real person, and no real figure of any borough's
service.

Must not know SQL or HTTP. Visitors use `seed.seed`; the same number of children, day and seed give the same
record. Sizes follow the Census (domain facts 1.1); every other rate stands, openly invented, in
`parameters.py`.
"""
