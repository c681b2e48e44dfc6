"""One module per library: how a frame becomes the tensor with it, as quick as it can be had.

Each function takes a Case and returns `run(frame) -> tensor`. The tensor's memory and all that lies
between is allocated once where the library takes memory from its caller. One thread each.
"""
