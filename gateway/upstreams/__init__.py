"""Who answers a request. `bedrock.py` is the aiobotocore client."""
