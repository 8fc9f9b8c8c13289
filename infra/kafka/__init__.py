"""Kafka: the broker's protocol, by kafka-python. Nothing outside this folder imports it.

The rule it keeps: whatever the broker does is told in the words of the ports that `streams` defines.
"""
