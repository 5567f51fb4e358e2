"""What the service is measured against. Programs of their own; the product never needs them."""
