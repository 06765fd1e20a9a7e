"""The outside world of followup: SMTP and the mails themselves."""
