"""Names of ``optim``, attributes of optimizers, and options of algorithms."""

from collections.abc import Mapping

from .phrases import NOTHING_TO_ZERO

STEP = "optimizer.step(cr.backprop(loss))"

#: Attributes and methods of an optimizer.
OPTIMIZER: Mapping[str, str] = {
    "zero_grad": NOTHING_TO_ZERO,
    "minimize": STEP,
    "apply_gradients": STEP,
    "update": STEP,
    "param_groups": "optimizer.groups",
    "add_param_group": "optim.Adam([{'params': …}, {'params': …}]), both at once",
    "learning_rate": "optimizer.lr",
    "get_last_lr": "optimizer.lr",
}

#: Attributes and methods of what evaluates the loss itself.
MINIMIZER: Mapping[str, str] = {
    "zero_grad": NOTHING_TO_ZERO,
    "param_groups": "optimizer.groups",
    **dict.fromkeys(
        ("lr", "learning_rate"),
        "leave it out: a line search finds the length of every step",
    ),
    "run": "optimizer.minimize(loss)",
}

ITERATIONS = "optimizer.minimize(loss, iterations=1000); cr.fit(…, epochs=1000)"

#: Options that minimizers have in other libraries.
MINIMIZING: Mapping[str, str] = {
    **dict.fromkeys(("max_iter", "maxiter", "max_eval", "maxfun"), ITERATIONS),
    **dict.fromkeys(
        ("tolerance_grad", "gtol", "pgtol", "tol"), "gradient_tolerance=1e-05"
    ),
    **dict.fromkeys(("tolerance_change", "ftol", "factr"), "loss_tolerance=1e-09"),
    **dict.fromkeys(
        ("line_search_fn", "linesearch"), "line_search=optim.StrongWolfe()"
    ),
    **dict.fromkeys(
        ("maxls", "max_linesearch"), "line_search=optim.StrongWolfe(most=20)"
    ),
    **dict.fromkeys(
        ("history_size", "memory_size", "maxcor", "m"), "optim.LBFGS(history=10)"
    ),
    **dict.fromkeys(
        ("lr", "learning_rate"),
        "leave it out: a line search finds the length of every step",
    ),
    **dict.fromkeys(
        ("transforms", "weight_decay"),
        "l2=0.0001 adds λ/2 ‖w‖² to the loss, and so to the gradient",
    ),
    "closure": "optimizer.step(loss), with the function that computes it",
}

#: Attributes of a group of parameters.
GROUP: Mapping[str, str] = {
    "params": "group.parameters",
    "learning_rate": "group.lr",
    "initial_lr": "leave it out: a schedule is given as lr when the optimizer is made",
    **dict.fromkeys(("keys", "items", "values", "get"), "group.options"),
}

SCHEDULE = "a schedule takes the place of the number: optim.Adam(params, lr=optim.%s)"

#: Names of ``optim``.
NAMES: Mapping[str, str] = {
    "lr_scheduler": SCHEDULE % "Cosine(0.001, steps=1000)",
    "StepLR": SCHEDULE % "StepDecay(…)",
    "ExponentialLR": SCHEDULE % "Exponential(…)",
    "CosineAnnealingLR": SCHEDULE % "Cosine(…)",
    "OneCycleLR": SCHEDULE % "OneCycle(…)",
    "MultiStepLR": SCHEDULE % "Piecewise(…)",
    "LinearLR": SCHEDULE % "Warmup(…)",
    "RMSprop": "optim.RMSProp(params)",
    "ReduceLROnPlateau": "callbacks.ReduceOnPlateau(), among the callbacks of cr.fit",
    "LambdaLR": "any function of the step takes the place of the number: optim.Adam("
    "params, lr=lambda step: 0.1 / (1.0 + step))",
    "AdaGrad": "optim.Adagrad(params)",
    "GD": "optim.GradientDescent(params)",
    **dict.fromkeys(("LM", "least_squares"), "optim.LevenbergMarquardt(params)"),
    **dict.fromkeys(("NewtonCG", "newton_cg"), "optim.TruncatedNewton(params)"),
    "HF": "optim.HessianFree(params)",
    "Closure": "optimizer.step(loss), with the function that computes it",
    **dict.fromkeys(("NAdam", "NAdamW"), "optim.Nadam(params)"),
    "AdaDelta": "optim.Adadelta(params)",
    "Lamb": "optim.LAMB(params)",
    **dict.fromkeys(
        ("swa_utils", "AveragedModel", "ExponentialMovingAverage", "EMA"),
        "optim.WeightAverage(model.parameters()), or callbacks.WeightAveraging() in "
        "cr.fit",
    ),
}

#: Options that some algorithms have in other libraries.
OPTIONS: Mapping[str, str] = {
    "weight_decay": "transforms=[optim.L2(0.0001)] adds λw to the gradients; "
    "optim.AdamW decays the weights themselves",
    "momentum": "optim.Momentum(parameters, lr, momentum=0.9) is a class of its own",
    "nesterov": "optim.Nesterov(parameters, lr, momentum=0.9) is a class of its own",
    "learning_rate": "lr=0.001",
    "clipnorm": "transforms=[optim.ClipNorm(1.0)]",
    "global_clipnorm": "transforms=[optim.ClipNorm(1.0)]",
    "amsgrad": "optim.AMSGrad(parameters, lr) is a class of its own",
    **dict.fromkeys(
        ("use_ema", "ema_momentum"),
        "callbacks.WeightAveraging(0.999) among the callbacks of cr.fit",
    ),
    "decoupled_weight_decay": "optim.AdamW decays the weights themselves",
    "nesterov_momentum": "optim.Nesterov(parameters, lr, momentum=0.9) is a class of "
    "its own",
    **dict.fromkeys(
        ("ns_steps", "ns_coefficients"),
        "leave it out: five steps, with the coefficients of Jordan and PyTorch",
    ),
    **dict.fromkeys(
        ("foreach", "fused", "capturable", "differentiable"),
        "leave it out: a compiled step is one native call",
    ),
    **dict.fromkeys(("beta_1", "beta_2", "beta1", "beta2"), "betas=(0.9, 0.999)"),
    **dict.fromkeys(("grads", "grads_and_vars", "closure"), STEP),
    "step()": STEP,
    "clipvalue": "transforms=[optim.ClipValue(1.0)]",
    "gamma": "factor=0.1",
    "step_size": "every=1000",
    "milestones": "optim.Piecewise(…)",
    **dict.fromkeys(("T_max", "decay_steps", "total_steps"), "steps=1000"),
    **dict.fromkeys(("eta_min", "alpha"), "final=0.0"),
    "optimizer": "optim.Adam(params, lr=optim.Cosine(0.001, steps=1000)): the schedule "
    "takes the place of the number",
    "last_epoch": "leave it out: the optimizer counts its steps",
}
