"""The AWS side of the Selling Partner API Quick Start: what its functions do.

The modules of this folder are the core and know no capability; each capability is a package of its own.
"""

import gc

# While a function starts, it makes a hundred thousand objects, all of which stay. To search them for garbage again and
# again takes a sixth of the start. `invocation.begin` turns the search on.
gc.disable()

VERSION = "1.0.0"
