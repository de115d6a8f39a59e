"""Estimates the stack's costs on AWS from counted calls and published prices: `make costs`."""
