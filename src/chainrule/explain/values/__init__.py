"""The numbers of an explanation: sums of the chain rule, and finite differences."""
