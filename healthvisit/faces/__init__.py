"""What each audience sees and sends: one folder per face, and no face imports another.

Must not know SQL. A face reads the record only through `door.record()`; every view is marked with `door.admits` or
`door.open_to_all`. Shared by all faces: `door` and `layout`.
"""
