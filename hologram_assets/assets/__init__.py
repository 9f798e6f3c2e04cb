"""One module per asset; thin: fetch or query, write, report metadata. `daywise` is what they share.

Every asset runs over ranges of days of one organisation in one run, and inside a range every day stands alone.
"""
