"""The reports in a real browser: headless Chromium, as the distribution packages it, and axe-core."""
