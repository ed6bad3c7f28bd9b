"""The process twin's engine: runs services as plain processes with Compose's semantics.

``python -m twin.supervisor SPEC`` runs it; ``client.call`` speaks to it over its unix socket.
"""
