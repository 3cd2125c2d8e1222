"""The operations in plain torch, on any device: the specification of `ops`."""
