"""The pages that people look at: one module a page, each adding its routes to the site."""
