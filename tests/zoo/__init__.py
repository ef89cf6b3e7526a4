"""Networks of other packages, as they are: what `auto` takes of them, and whether what is captured
is right.
"""
