"""Followup, the After Unit: the client who chose us hears from us, never twice, never after "stop"."""
