"""Three minutes of everything going wrong: nothing that was acknowledged is lost, nothing happens twice."""

import json
import os
import subprocess
import sys

import pytest

from ops.chaos.installation import CHECKOUT

MINUTES, SEED = 3, 1


@pytest.mark.invariant("I16")
@pytest.mark.invariant("I8")
@pytest.mark.invariant("I6")
def test_three_minutes_of_kills_and_outages_lose_nothing_and_double_nothing() -> None:
    """With real processes, services and clients; what they were told is laid beside the database by another."""
    argv = [sys.executable, "-m", "ops.cli", "chaos", "--minutes", str(MINUTES), "--seed", str(SEED), "--json"]
    ran = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert ran.stdout, ran.stderr
    outcome = json.loads(ran.stdout)
    assert (outcome["lost"], outcome["doubled"], outcome["other"]) == ([], [], []), ran.stdout[-4000:]
    assert ran.returncode == 0
    assert outcome["operations"] > 500, "the clients were hardly at work"
    assert len(outcome["faults"]) >= 8, outcome["faults"]
    assert all(outcome["by_kind"][kind]["done"] for kind in ("report", "offer.accept", "case.handle", "case.verify"))
