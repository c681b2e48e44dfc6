"""The instruments of the benchmarks: pictures, float64 answers, timing, second process, report."""
