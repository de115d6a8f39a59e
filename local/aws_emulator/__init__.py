"""A local AWS: ministack, with the differences from AWS that this project meets closed.

`python -m aws_emulator` starts it. Each difference ("gap") is one function in the module of its service; its docstring
says what AWS does and what ministack does. `gaps.py` lists them all.
"""
