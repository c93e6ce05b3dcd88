"""Where in a tar are the pictures of a scene?"""
