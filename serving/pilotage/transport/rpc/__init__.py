"""gRPC over our own HTTP/2: the Open Inference Protocol, health and reflection, on the loop that HTTP is on."""
