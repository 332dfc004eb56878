"""The command line of each stage: arguments in, one call out."""
