"""Many orders over many days, on a simulated clock: the solicitations of this stack against the SP-API simulator.

Real are the domain of the three functions, the definition of the state machine, the SP-API client and the SP-API
simulator with its rate limits. AWS's part is played by what is in this package: a table with conditional writes, a
scheduler, an interpreter of the states that the definition uses, and a queue that repeats, delays and redelivers.
"""
