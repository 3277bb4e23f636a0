"""Backup and restore of database, recordings and keys, from SQLite and PostgreSQL to either.

FOLDER/manifest.json                    what belongs to the backup, with the hash of each file; written last
FOLDER/snapshot-<when>/<table>.gz       the rows as they stood at one moment, one JSON object a line
FOLDER/snapshot-<when>/recordings.gz    the recordings that those rows name
FOLDER/snapshot-<when>/keys.sealed      master keys and signing secret under a passphrase
FOLDER/blobs/ab/ab...                   recordings as they are stored: sealed, named by their SHA-256
"""
