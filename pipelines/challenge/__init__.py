"""What does an NTIRE entry hold?"""
