"""What is learned from texts: one file a task, and the frame that they share."""
