"""What handoff does: route leads, advance them, keep the agreement and the facts."""
