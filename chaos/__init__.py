"""The fault: its plan, the shape that walks the plan's phases, the actor that breaks and always mends, the lookout that
proves "down" and "back" on the Kafka protocol, preflight before and drain after.
"""
