"""The outside world of intake: phone and email libraries, senders' payloads."""
