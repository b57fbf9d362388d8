"""All that crosses between the planes, and nothing else (design 2, contract C07).

Ids, enums, integers, times and hashes; frozen; no free text. `tests/architecture` walks every field of every type here.
Down goes the snapshot, up go usage and audit events; enrollment makes the two sides know each other, once.
"""
