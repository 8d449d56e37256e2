"""Who may reach what: plain functions over plain values.

Must not know FHIR, SQL or HTTP. Visitors use `requester.Requester`, `scopes.parse`, `scopes.allows`, `scopes.meet`
and `scopes.within`, `reach.of` and `reach.narrowed` (docs/decisions/0011), and `visibility.parents_view`.
"""
