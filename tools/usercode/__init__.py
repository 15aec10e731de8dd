"""The user's own functions: where they are, the process they run in, and an application as a target."""
