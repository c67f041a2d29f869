"""What is secret, and masking it in any text; knows nothing of options, stores or runs."""
