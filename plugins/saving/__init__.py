"""Keys saved before a fault that may lose them, and put back after it. See ``save`` and ``restore``."""

from plugins.saving.keep import save
from plugins.saving.lost import Lost
from plugins.saving.outcome import CannotSave, Limits, Restored, Saved
from plugins.saving.put_back import restore
from plugins.saving.writers import Writers, paused_writes

__all__ = ["CannotSave", "Limits", "Lost", "Restored", "Saved", "Writers", "paused_writes", "restore", "save"]
