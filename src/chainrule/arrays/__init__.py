"""Array functions that are made of others: trigonometry, order, counting, shapes.

Place on the road: above the operations, below the tensors. They have no rules of their
own: the chain rule goes through them, and a compiler fuses what they are made of. A
file is a family, imported when one of it is first used. They must not know of tensors'
methods, gradients or engines.
"""
