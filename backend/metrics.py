"""What is counted for Prometheus; read at /metrics. No label ever names a person, a place or a case."""

from prometheus_client import Counter, Gauge, Histogram

# --- what one process has done ---------------------------------------------------------------------------------------

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
TURN_S = Histogram(
    "rescue_worker_turn_seconds",
    "Time of one turn of a worker: everything that was due.",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60),
)
WORKER_HEARTBEAT = Gauge("rescue_worker_heartbeat_timestamp_seconds", "When this worker last began a turn.")
WORKER_TURN = Gauge("rescue_worker_turn_timestamp_seconds", "When this worker last finished a turn without a fault.")
SOCKETS_DROPPED = Counter("rescue_sockets_dropped_total", "Live feeds let go because their reader was too slow.")
WIRE_DROPPED = Counter(
    "rescue_wire_dropped_total", "Messages for other processes thrown away, Redis being slow or away."
)
FIXES_REFUSED = Counter(
    "rescue_fixes_refused_total", "Positions that were not taken: too old, ahead of time, out of area."
)
LIMITED = Counter("rescue_limited_total", "Requests refused because their sender sent too many.")
LIMITED_ALONE = Counter(
    "rescue_limits_alone_total", "Requests counted by this process alone, Redis being slow or away."
)
DELIVERED = Counter(
    "rescue_outbox_ended_total", "Messages to the world outside, by how an attempt went.", ["way", "outcome"]
)
CREDENTIALS_REFUSED = Counter(
    "rescue_push_credentials_refused_total",
    "Times that a push service or the SMS gateway did not take our key.",
    ["way"],
)
NOTICES = Counter("rescue_notices_total", "Notices that came to this rung of the ladder.", ["rung"])
WARNINGS = Counter("rescue_warnings_total", "Warnings of weather services that came in, by what they did.", ["deed"])
WARNING_SOURCE_AT = Gauge(
    "rescue_warning_source_timestamp_seconds", "When a source of warnings was last read without a fault.", ["source"]
)
SWEEP_TURN_S = Histogram(
    "rescue_sweep_turn_seconds",
    "Time of one look of a worker at all sweeps: tracks, leases, what falls due.",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
SWEEP_JOB_S = Histogram(
    "rescue_sweep_job_seconds",
    "Time to lay out the cells of a sweep or to plan its tours, beside the worker's turns.",
    ["what"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30),
)
CIRCLE_SHARE = Gauge("rescue_circle_share", "Risk-weighted share of the city that a free team reaches in time.")
OPEN_SOCKETS = Gauge("rescue_open_sockets", "Live feeds open in this process.")
FAULTS = Counter("rescue_worker_faults_total", "Things that were due and failed; they are tried again.", ["what"])
STOPPING = Gauge("rescue_stopping", "1 while this process finishes what it has in hand before it ends.")
CLOCK_OFFSET_S = Gauge(
    "rescue_clock_offset_seconds", "What the office's time is ahead of the database's clock, since that was set."
)
REDIS_UP = Gauge("rescue_redis_up", "1 while this process hears Redis.")
POOL_IN_USE = Gauge("rescue_database_connections_in_use", "Database connections of this process that are at work.")
POOL_LARGEST = Gauge("rescue_database_connections_most", "As many as this process may have at work at once.")
TRACKS_WAITING = Gauge("rescue_tracks_waiting", "Phones whose positions wait for the next common commit.")
FILING_WAITING = Gauge("rescue_filing_waiting", "Reports of this process that wait for the next common commit.")
FEED_BEHIND = Gauge(
    "rescue_feed_behind_events", "Events of the log that this process has not handed to its sockets yet."
)
INBOX_LONGEST = Gauge("rescue_inbox_longest", "Events waiting for the slowest socket of this process.")

# --- what the database says, the same from every process: take the maximum -------------------------------------------

CASES = Gauge("rescue_cases", "Open cases by stage.", ["stage"])
CASES_WITHOUT_TEAM = Gauge("rescue_cases_without_team", "Accepted cases whose search has raised an alarm.", ["alarm"])
SWEEP_CELLS = Gauge(
    "rescue_sweep_cells",
    "Cells of the campaigns that run, by how they stand; overdue ones count as that alone.",
    ["state"],
)
SWEEP_IN_TIME_SHARE = Gauge(
    "rescue_sweep_in_time_share",
    "Share of the cells of the campaigns that run that were looked at in time; 1 without any.",
)
SWEEP_UNSERVED = Gauge("rescue_sweep_unserved", "Cells that wait to be looked at and stand in no team's tour.")
OUTBOX_WAITING = Gauge("rescue_outbox_waiting", "Messages to the world outside that wait.", ["way"])
OUTBOX_OLDEST_S = Gauge("rescue_outbox_oldest_seconds", "Age of the oldest message that waits.", ["way"])
TIMERS_LATE = Gauge("rescue_timers_late", "Things that were due more than a moment ago.", ["what"])
TIMER_LATEST_S = Gauge("rescue_timers_latest_seconds", "How long the longest due one has been waiting.", ["what"])
RETENTION_RUN = Gauge(
    "rescue_retention_run_timestamp_seconds", "When what had its time was last removed, to the end; 0: never."
)
LOG_SEQ = Gauge("rescue_log_seq", "The last number of the event log.")
