"""What leaves without telling who it is about: identifiers replaced, dates shifted, all else as it was."""
