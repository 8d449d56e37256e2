from healthvisit.app import served

application = served()
