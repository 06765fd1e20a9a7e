"""Time in: touches that are due, and calendars that need planning again."""
