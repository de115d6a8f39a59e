"""Reports: requested, retrieved from SP-API, stored in the bucket and announced."""
