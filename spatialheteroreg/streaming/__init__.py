"""Fitting to more rows than memory holds: sources, a survey, and batches of them."""
