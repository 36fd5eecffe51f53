"""即时上报 What is reported up at once (DOMAIN §4.8): death, somebody missing, accidents, suspected abuse, trafficking, violence.

Begin at `reporting.raise_incident`. `born` makes one of a visit's record or of a stay that ends; `unanswered` is what time does to it.
"""
