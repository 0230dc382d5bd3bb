"""What the service and its workers say to each other over Redis; it knows neither of them.

`names`: keys and queues. `messages`: what a message holds. `errors`: errors as JSON and back.
`celery_settings`: the settings that producer and workers must share.
"""
