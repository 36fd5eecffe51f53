"""What the control room calls: cases, teams, approvals, the circle, accounts and keys. Routes only; the verbs are in `backend`."""
