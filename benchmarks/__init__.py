"""What the stack costs in time, memory and calls, measured beside other ways of doing the same: `make bench`."""
