"""The doors of accounts, by who comes: strangers, people at home, and those who come by way of a provider."""
