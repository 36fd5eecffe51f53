"""What is counted for Prometheus; read at /metrics. No label ever names a person, a place or a case."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("rescue_requests_total", "Requests by route, method and status.", ["route", "method", "status"])
REQUEST_S = Histogram(
    "rescue_request_seconds",
    "Time to answer, by route.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
DECISION_S = Histogram(
    "rescue_decision_seconds",
    "Time to decide one search, transaction included.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
)
CIRCLE_SHARE = Gauge("rescue_circle_share", "Risk-weighted share of the city that a free team reaches in time.")
OPEN_SOCKETS = Gauge("rescue_open_sockets", "Live feeds open in this process.")
FAULTS = Counter("rescue_worker_faults_total", "Things that were due and failed; they are tried again.", ["what"])
CASES = Gauge("rescue_cases", "Open cases by stage.", ["stage"])
