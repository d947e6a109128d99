"""Forecasts of time series: networks, what they are measured beside, and how."""
