"""Models where they answer."""
