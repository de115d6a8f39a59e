"""Runs this stack's solicitations for many orders over many days, on a simulated clock, with the SP-API simulator.

The domain code of the three functions, the state machine definition, the SP-API client and the SP-API simulator with
its rate limits are real. This package replaces AWS: a table with conditional writes, a scheduler, an interpreter of the
states that the definition uses, and a queue that duplicates, delays and redelivers messages.
"""
