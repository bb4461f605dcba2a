"""Ray clusters: reaching one, what its nodes have, bringing packs to them; Ray is imported where it is used."""
