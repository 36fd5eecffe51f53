"""Campaigns 专项行动: a warning opens work by itself, the ground is divided among the teams, and a report says what was covered.

Four stories, each with its beginning:
warnings in: `cap_read.read`, `hazard.of` (what, how grave), `warned.where` (which part of the city), `chain.judge`, `warnings.take_in`
campaigns: `plan.holding` (which plan), `following` (what warnings do to them), `campaigns` (what people do), `keeping` (the worker)
sweeps: `score`, `tours`, `detection` and `presence` are pure; `sweep.turn` looks at everything that runs, `coverage` is what is seen
the report: `report.report`, from the log alone
"""
