"""Values forward, gradients backward: the lectures' first graph, f = (x + y) · z."""

import chainrule as cr

x = cr.tensor(1.0, name="x")
y = cr.tensor(-3.0, name="y")
z = cr.tensor(4.0, name="z")

s = x + y
f = s * z
grads = cr.backprop(f)

print(f"x + y = {s.item()}, f = {f.item()}")
print(f"∂f/∂x = {grads[x].item()}, ∂f/∂y = {grads[y].item()}")
print(f"∂f/∂z = {grads[z].item()}, and at the node in between: {grads[s].item()}")
print(cr.explain(f))
