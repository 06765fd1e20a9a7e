"""What followup does: make clients, enrol them, send touches, honour every opt-out."""
