"""Who did what, to what, from where, with which result. Rows are appended and never changed."""
