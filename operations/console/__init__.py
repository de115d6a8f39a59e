"""The web console of a stack: `python -m operations.console STACK` (make console).

Each page has three parts: a module of `reading` (typed functions over the stack, without HTTP), a module of `pages`
(its routes, which call the reading and render), and a template.
"""
