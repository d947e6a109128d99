"""Advice that more than one table gives."""

NOT_MOVED = "leave it out: there are no devices to move to; cr.compile makes it fast"
NEVER_CHANGES = "leave it out: a tensor's value never changes"
NOTHING_TO_ZERO = "leave it out: each cr.backprop(loss) returns new gradients"
MASK = "mask=…, True where a query may attend (PyTorch's layers have it the other way)"
