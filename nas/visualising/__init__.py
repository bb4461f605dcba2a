"""Pictures of what a trained network learned and where it looks, as the papers show them."""
