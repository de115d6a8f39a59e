"""A pull of thousands of product types on a simulated clock: the functions' code, the simulator, and AWS in memory."""
