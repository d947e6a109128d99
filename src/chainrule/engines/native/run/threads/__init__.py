"""The worker threads that compiled programs share."""
