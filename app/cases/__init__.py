"""Cases: somebody says that an output or a file is wrong; how that is held, answered and ended."""
