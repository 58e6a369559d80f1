"""What applications use, measured: counted once, in whole hours, kept for a year. Never more than was seen."""
