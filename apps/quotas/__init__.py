"""The quota ledger: who has reserved how much of what. A balance can never pass its ceiling, whatever races."""
