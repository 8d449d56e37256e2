"""Who may reach what: plain functions over plain values.

Must not know FHIR, SQL or HTTP. Visitors use `requester.Requester`, `scopes.parse` and `scopes.allows`,
`reach.of`, and `visibility.parents_view`.
"""
