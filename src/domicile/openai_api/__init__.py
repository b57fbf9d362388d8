"""The wire types of the OpenAI API. They are content types, so the control plane may not import them."""
