"""Where tokens look: capture beside the forward pass, rollout over the layers."""
