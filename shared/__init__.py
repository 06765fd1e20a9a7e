"""The plumbing three services share: events, outbox, inbox, Kafka, Postgres, HTTP. It knows no service."""

import zoneinfo

# Zone data comes from the pinned tzdata package: the operating system's lags by months.
zoneinfo.reset_tzpath(to=())
