"""Campaigns 专项行动: a warning opens work by itself. What has come so far: reading warnings (CAP) and what they mean here.

Begin at `cap_read.read`, then `hazard.of` (what, how grave) and `warned.where` (which part of the city).
"""
