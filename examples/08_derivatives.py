"""Derivatives of functions: gradients of gradients, Hessians, Newton's method."""

import numpy as np

import chainrule as cr


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


cr.config.dtype = "float64"
x = np.array([-1.2, 1.0])
for step in range(10):
    gradient = cr.grad(rosenbrock)(x).numpy()
    hessian = cr.hessian(rosenbrock)(x).numpy()
    x = x - np.linalg.solve(hessian, gradient)
    print(f"step {step}: x = {x}, |∇f| = {np.linalg.norm(gradient):.2e}")
    if np.linalg.norm(gradient) < 1e-10:
        break
assert np.allclose(x, 1.0)

print("third derivative of sin at 1:", cr.grad(cr.grad(cr.grad(cr.sin)))(1.0).item())
print("Hessian times a vector:", cr.hvp(rosenbrock, x, np.array([1.0, 0.0])).numpy())
