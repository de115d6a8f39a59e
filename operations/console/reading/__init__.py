"""What the pages show, read from the stack: plain functions that return frozen dataclasses, without HTTP."""
