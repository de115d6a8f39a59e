"""Amazon's product types: the schemas of a marketplace, and listings checked against them."""
