"""Where in a tar do the pictures of a scene lie?"""
