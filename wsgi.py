from healthvisit.app import create_app

application = create_app()
