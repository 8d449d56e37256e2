"""The child's record as FHIR resources: versions, search, bundles, receipts and audit.

Must not know what a review is, nor what a page is. Visitors use `record.opened`, the `Record` it gives, and
the errors of `errors.py`. A resource is the plain dict of its JSON, checked once on the way in.
"""
