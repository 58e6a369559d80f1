"""People, how they sign in, and what proves that it is they.

Every proof counts once: codes, links and counters are used up by a conditional write, so that of many attempts at once
one succeeds. Nothing here needs Redis. Secrets are encrypted or hashed at rest.
"""
