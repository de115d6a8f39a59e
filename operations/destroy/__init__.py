"""Deletes a stack and everything that it leaves elsewhere: `python -m operations.destroy STACK` (make destroy)."""
