"""The Open Inference Protocol (V2) over the network, thin over `runtime`."""
