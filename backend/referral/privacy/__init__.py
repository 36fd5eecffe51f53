"""个人信息权利 What a person may ask of us, and what may be counted of people. Begin at `subject_access.py`, `counting.py`.

`subject` is what somebody is given of what is kept on them, as values; `subject_sheet` lays it out on paper. `statistics` is what is
told of how many people there were, `statistics_sheet` the table.
"""
