"""Forecasters and what judges them: one file a model, calibration, selection. Pure."""
