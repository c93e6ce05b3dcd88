"""How is one attempt at a run made, by the command itself or by the workers of an engine?"""
