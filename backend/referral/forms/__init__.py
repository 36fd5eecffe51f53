"""文书 The written forms a station must keep and both sides sign: what they say, how they are issued, and whether one is genuine.

A form is a `sheet` (what stands on the paper, as values), made of what is known by `hand_over_form`, `stay_forms`, `incident_form` or `no_help`;
`issuing` makes it a `document` with a number, a code and a PDF, and `reading` and `checking` answer what became of it. Begin at `issuing.py`.
"""
