"""Named data sets: the catalogue, how their files are found, how they are read."""
