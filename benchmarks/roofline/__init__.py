"""What ``benchmarks.gpu`` measures: how near decoding comes to what the memory can deliver."""
