"""Models at real providers, each over the provider's own SDK, which is imported at the first call."""
