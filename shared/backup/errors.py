"""What can be wrong with a backup, or with the place where it is to be restored."""

from __future__ import annotations

from shared.errors import ClinqError


class BackupError(ClinqError):
    """The backup cannot be taken, or not be restored here."""

    code = "backup"


class DamagedBackupError(BackupError):
    """A file of the backup is missing, or is not what was written."""

    code = "backup_damaged"


class WrongPassphraseError(BackupError):
    """The passphrase is not the one that the keys were sealed with."""

    code = "wrong_passphrase"


class NotStoppedError(BackupError):
    """The service still works with the database that is to be replaced."""

    code = "not_stopped"


class NotEmptyError(BackupError):
    """The database that is to be replaced holds something."""

    code = "not_empty"
