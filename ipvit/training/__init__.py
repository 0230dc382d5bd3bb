"""Training recipes, shape distillation and stylisation."""
