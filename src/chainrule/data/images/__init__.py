"""Images: files in folders, one folder a class, decoded when they are needed."""
