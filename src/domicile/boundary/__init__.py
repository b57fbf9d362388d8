"""The only types that cross between the planes (design 2, contract C07).

Ids, enums, integers, times and hashes; frozen; no free text. `tests/architecture` walks every field of every type here.
Snapshots go down to the regions; usage and audit events go up. Enrollment introduces the two sides to each other, once.
"""
