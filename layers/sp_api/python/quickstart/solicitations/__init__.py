"""Review requests for shipped orders: scheduled by notifications, sent once by a workflow."""
