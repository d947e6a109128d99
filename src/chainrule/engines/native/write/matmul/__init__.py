"""Products of matrices: tiles held in registers, and factors copied to panels."""
