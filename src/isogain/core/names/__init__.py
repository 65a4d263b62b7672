"""Names for initializers: the catalog, the frameworks' dialects, the literature."""
