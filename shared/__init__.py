"""The plumbing three services share: events, outbox, inbox, Kafka, Postgres, HTTP. It knows no service."""

import gc
import zoneinfo

# Zone data comes from the pinned tzdata package: the operating system's lags by months.
zoneinfo.reset_tzpath(to=())

# Starting up, and each batch, makes many objects and few cycles: the collector's default costs a fifth of a start and
# halves the throughput.
gc.set_threshold(50_000, 20, 50)
