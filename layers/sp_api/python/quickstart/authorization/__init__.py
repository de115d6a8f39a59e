"""Sellers and vendors connect themselves: consent at Amazon, the code's exchange, and the life of each connection."""
