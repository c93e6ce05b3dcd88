"""What is in an NTIRE entry?"""
