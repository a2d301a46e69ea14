"""V0 and V1 nets to V2 and back."""
