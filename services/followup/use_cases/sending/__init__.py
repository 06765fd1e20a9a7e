"""Sending: claim, gate, intent, send, result. A crash in between is in doubt, and settled by a witness or a declared policy."""
