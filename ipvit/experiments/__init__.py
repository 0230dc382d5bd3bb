"""Experiments over data sets, one file a figure or table of a paper."""
