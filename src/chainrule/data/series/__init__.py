"""Time series: their steps, their values, and the files they stand in."""
