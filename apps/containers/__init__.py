"""Applications, their releases, and the containers that run them."""
