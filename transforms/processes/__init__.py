"""How do several processes of one machine share the scenes, and what happens when one of them dies?"""
