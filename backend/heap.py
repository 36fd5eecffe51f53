"""What a process has when it begins its work (code, compiled kernels, routes, the road graph) stays until it ends."""

import gc

YOUNG = 20_000
"""New objects until the garbage collector looks at them: a request makes some hundreds, and frees nearly all by itself."""


def settle() -> None:
    """To be called once, after starting: the garbage collector no longer walks over what is there for good.

    Otherwise it does so every few hundred requests, for a tenth of a second, in the middle of somebody's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
