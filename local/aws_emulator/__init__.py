"""A local AWS: ministack, with fixes for the differences from AWS that matter to this project.

`python -m aws_emulator` starts it. Each difference ("gap") has one function in the module of its service. The docstring
says what AWS does and what ministack does. `gaps.py` lists all gaps.
"""
