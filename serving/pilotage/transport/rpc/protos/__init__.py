"""What is said over gRPC: three .proto files, and the modules generated from them by `python -m` this package.

Each module has a descriptor pool of its own: in the common one it would collide with the clients of others, which
define the same names.
"""
