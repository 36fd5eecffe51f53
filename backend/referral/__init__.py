"""Into the right hands 转介: where people can be taken, who answers for them, and what is done until they are safe.

Here: a referral and its hand-over; begin at `states`, then `offering` and `answering`. In folders of their own: `facilities` (houses,
places, the nearest that will take somebody now), `people` (the register), `station` (a stay and its deadlines), `forms` (documents),
`home` (visits after the return), `incidents` (what is reported up at once), `privacy` (what is told to the person, what is counted).
"""
