"""The admin web app: pages, their parts, and what the browser loads."""
