"""Which networks judge a picture?"""
