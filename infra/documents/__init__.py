"""MongoDB, by pymongo: what is kept as documents. Nothing outside this folder imports it.

The rule it keeps: every document can be made again from the log, and being told something twice changes nothing.
"""
