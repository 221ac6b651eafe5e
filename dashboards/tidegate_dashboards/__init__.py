"""Tidegate's dashboards: the admin web app, Grafana dashboards as code, alert rules with their evaluator, exports.

`app.run` serves the web app, `alerts.run` evaluates the alert rules, `grafana.write` writes provisioning files.
"""
