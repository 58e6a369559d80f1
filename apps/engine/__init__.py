"""The only importer of the Docker SDK. Knows no database: it takes and returns its own frozen types."""
