"""The stack on this machine, without containers and without root: PostgreSQL, MongoDB and Kafka out of packages.

For developing, trying and testing; docs/stack.md is its guide. The rule it keeps: one way to run a server, which
`finshift stack` and the tests share.
"""
