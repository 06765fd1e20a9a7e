"""The whole system on one machine without containers: real Kafka, real Postgres, a mail sink and the three services."""
