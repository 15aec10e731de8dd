"""Models without a network: worlds of planted rules, and the two models that live in them."""
