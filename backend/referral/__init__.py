"""Into the right hands 转介: where people can be taken, who answers for them, and what is done until they are safe.

Facilities: `facilities`, `fitting.py` (who takes this person now). Referrals: `states`, then `offering` and `answering`. The register of
people: `register`, `sameness`. At a station: `stays`, `deadlines`, `station`. What is not built yet: docs/referral.md.
"""
