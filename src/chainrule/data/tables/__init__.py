"""Tables: from a CSV or Parquet file, or a frame, to numbers a network takes."""
