"""What intake does: capture a submission, qualify a lead, follow what sales did."""
