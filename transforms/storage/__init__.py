"""How are files listed, opened and written whole, on a disk or in an object store?"""
