"""The loop 发现→受理→派遣→处置→核查→救助: from a filed sighting to a verified case.

Begin at `lifecycle` (the one table of stages), then `change` (what a verb writes, and how it becomes an event), then
the verbs: `filing`, `desk`, `offers`, `field`, `verification`, `approvals`. `matching` and `clocks` are pure rules.
"""
