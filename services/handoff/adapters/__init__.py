"""The outside world of handoff: links, mails, SMTP."""
