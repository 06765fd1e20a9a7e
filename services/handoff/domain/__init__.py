"""Pure decisions of handoff: values in, values out."""
