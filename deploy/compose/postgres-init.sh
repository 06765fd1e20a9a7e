#!/bin/bash
# Three databases, three owners; each role is refused by the others' databases.
set -euo pipefail
for name in intake handoff followup; do
  password=$(cat "/run/secrets/$name")
  psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<SQL
CREATE ROLE $name LOGIN PASSWORD '$password';
CREATE DATABASE $name OWNER $name;
REVOKE CONNECT ON DATABASE $name FROM PUBLIC;
SQL
done
