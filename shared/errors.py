"""Our own errors. Each message says what to change and holds nothing clinical."""

from __future__ import annotations


class ClinqError(Exception):
    """The root of all errors that clinq raises on purpose."""

    code = "internal"
    """A stable word for programs, in problem documents and in a job's reason."""


class RetryableError(ClinqError):
    """Something away that may come back: the job is tried again after a pause."""

    code = "retryable"
    pause_s: float = 0.0
    """Seconds before which trying again is of no use."""


class BackingServiceError(RetryableError):
    """A database, broker, blob store or model server did not answer."""

    code = "backing_service_unavailable"


class OcrUnavailableError(RetryableError):
    """Pages are pictures, and this machine cannot read them: a program or one of its languages is missing.

    Another worker may have it, and an operator can put it in: the job is tried again, then dead, never failed.
    """

    code = "ocr_unavailable"
    pause_s = 30.0


class DeadlockError(BackingServiceError):
    """The database undid this transaction so that another one, which waited for it in turn, could go on."""


class BlobMissingError(BackingServiceError):
    """The blob store answered that it does not hold this recording."""

    code = "recording_missing"


class PermanentError(ClinqError):
    """Trying again cannot help."""

    code = "failed"


class BadAudioError(PermanentError):
    """The recording cannot be decoded, or is not what its limits allow."""

    code = "bad_audio"


class UnsupportedAudioError(BadAudioError):
    """The file is no recording of a kind that clinq reads."""

    code = "unsupported_audio"


class AudioTooLongError(BadAudioError):
    """The recording is longer than the limit."""

    code = "audio_too_long"


class AudioTooLargeError(BadAudioError):
    """The recording's file is larger than the limit."""

    code = "audio_too_large"


class AudioNotAllowedError(PermanentError):
    """The address of a recording is none that this installation reads from."""

    code = "audio_not_allowed"


class AudioNotFoundError(PermanentError):
    """Nothing that can be read lies at the address of a recording."""

    code = "audio_not_found"


class BadDocumentError(PermanentError):
    """The document's text cannot be read."""

    code = "bad_document"


class UnsupportedDocumentError(BadDocumentError):
    """The document is of a kind that clinq does not read."""

    code = "unsupported_document"


class EncryptedDocumentError(BadDocumentError):
    """The document is protected by a password."""

    code = "document_encrypted"


class DocumentTooLongError(BadDocumentError):
    """The document has more pages, or more text, than the limits allow."""

    code = "document_too_long"


class MissingInputError(PermanentError):
    """A stage was asked to run without what it needs."""

    code = "missing_input"


class ModelUnavailableError(ClinqError):
    """Weights are missing, damaged or do not fit: the stage falls back to its rules engine."""

    code = "model_unavailable"


class TooManyReviewsError(ClinqError):
    """A result holds as many reviews as it takes."""

    code = "too_many_reviews"


class ReviewedSinceError(ClinqError):
    """Somebody has reviewed the result since its reviews were read."""

    code = "reviewed_since"


class DecryptionError(PermanentError):
    """A record cannot be opened: its key was destroyed or the record was changed."""

    code = "undecryptable"


class StoredCaseError(PermanentError):
    """A stored case cannot be read by this version."""

    code = "stored_case"


class JobStoppedError(ClinqError):
    """The job was cancelled or another worker owns it now: stop at once and write nothing."""

    code = "stopped"


class HandBackError(ClinqError):
    """This process has to end now: the job waits again behind its last finished stage; the attempt is not counted."""

    code = "handed_back"
