"""People, client apps, tokens, sessions, and which adult may see which child.

Must not know clinical content or HTTP. Visitors use `people.create_account` and `people.requester_for`,
`relationships.begin` and `.withdraw`, `clients.register`, `keys.ensure`, and the errors of `errors.py`.
Nothing that opens a door is kept in clear: passwords as argon2, codes, refresh tokens and sessions by hash.
"""
