"""What generated code and Python agree on: the call table, the pool's shared memory."""
