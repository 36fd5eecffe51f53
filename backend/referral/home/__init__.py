"""After return 返乡之后: the register of those who went home, the visits they get, and what it means when they are on the street again.

Begin at `returnee` (what is kept, and which visit follows from which), then `returning` (how somebody comes onto the register).
"""
