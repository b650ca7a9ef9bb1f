"""What chatrix costs, measured against what people would use instead."""
