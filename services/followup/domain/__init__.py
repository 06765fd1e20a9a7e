"""Pure decisions of followup: values in, values out."""
