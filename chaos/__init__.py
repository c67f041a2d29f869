"""The fault: its plan, the shape that walks the plan's phases, the actor that has it injected and always healed, the
monitor that proves "down" and "back" on the target's own protocol, preflight before and drain after.
"""
