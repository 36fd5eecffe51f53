"""Receiving sightings 线索: what is a report, how grave, whether it is known already, its receipt and photos.

Begin at `report` (what is sent in, and what is kept of it). Opening a case is `backend.dispatch.filing`.
"""
