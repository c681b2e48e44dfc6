def read(model): return None
