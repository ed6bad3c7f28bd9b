"""Names the plugins that make the two suites; ``addopts`` names the two that must be there before this file is read."""

pytest_plugins = [
    "plugins.options",
    "plugins.session",
    "plugins.judging",
    "plugins.fixtures",
    "plugins.campaigning",
    "plugins.report.terminal",
    "plugins.report.html",
    "pytest_metadata.plugin",
    "pytest_html.plugin",
]
