"""From a reference that a person typed to the digest that runs, with the tenant's right to it proved."""
