"""The pages of the console. Each module defines a `PAGE`; `site.PAGES` lists them in the order of the navigation."""
