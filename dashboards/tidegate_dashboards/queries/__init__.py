"""The web app's queries, one file each; `catalogue.load` reads them."""
