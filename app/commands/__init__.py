"""The commands of `ipvit`, one file a noun; `app.cli` gathers them."""
