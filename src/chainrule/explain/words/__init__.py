"""The words of an explanation: names of nodes, formulas, numerals, whole lines."""
