"""What has arrived in a place that fills, and is ready?"""
