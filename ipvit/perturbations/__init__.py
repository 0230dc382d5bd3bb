"""Ways to change an image before a model sees it: one file a kind."""
