"""Sound: WAV files, folders of recordings, and the features that speech is told by."""
