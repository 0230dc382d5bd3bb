"""Foreground masks from attention, and how well they agree with ground truth."""
