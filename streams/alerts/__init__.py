"""Alerts over Kafka: the watch over spending, on Faust, and the publishing of what the read models raise.

The one place that imports Faust. What is an alert is decided by `domain.alerts` alone, so that the embedded mode raises
the same ones with the same ids.
"""
