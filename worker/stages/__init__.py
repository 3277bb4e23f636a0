"""One clinical act a file; the file's name is the stage's name."""
