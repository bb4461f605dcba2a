"""The search: samplers that propose records, wrappers that filter them, and the loop that trains."""
