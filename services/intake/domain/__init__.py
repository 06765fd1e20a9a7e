"""Pure decisions of intake: values in, values out."""
