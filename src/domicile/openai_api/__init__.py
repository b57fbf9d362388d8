"""The wire types of the OpenAI API: all of it is content, so the control plane may not import it."""
